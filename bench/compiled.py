"""Programs that have to be faster than Python can be: those in `bench/c/`, compiled when they are needed."""
import os
import shutil
import subprocess

from parley.conformance.requirements import ROOT

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "c")
BUILD = os.path.join(ROOT, "build", "bench")


class NoCompiler(Exception):
    """There is no C compiler."""


def compiled(name):
    """The path of the program, which is compiled if it has changed."""
    source, program = os.path.join(SOURCES, name + ".c"), os.path.join(BUILD, name)
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        compiler = shutil.which("cc")
        if compiler is None:
            raise NoCompiler("many rooms need a load generator in C, and there is no C compiler (cc)")
        os.makedirs(BUILD, exist_ok=True)
        ours = "%s.%d" % (program, os.getpid())  # others may compile it at the same time
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", ours, source], check=True)
        os.replace(ours, program)
    return program
