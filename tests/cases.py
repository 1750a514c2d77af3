"""Many small cases in one test.

To pytest each case of `parametrize` is a test of its own, which costs milliseconds in every process that collects it.
"""
import concurrent.futures
import functools
import inspect

import pytest


def for_each(names, cases, at_once=1):
    """Like `pytest.mark.parametrize`, but one test goes through all cases, and in the end names each that failed.

    at_once: so many cases are tried at a time, each in a thread of its own; for such as wait most of the time.
    """
    names = [name.strip() for name in names.split(",")]
    cases = [tuple(case) if len(names) > 1 else (case,) for case in cases]
    assert cases

    def decorate(test):
        @functools.wraps(test)
        def through_all(**fixtures):
            def fails(case):
                try:
                    test(**dict(zip(names, case)), **fixtures)
                except (Exception, pytest.fail.Exception) as error:
                    return error
                return None

            if at_once > 1:
                with concurrent.futures.ThreadPoolExecutor(at_once) as threads:
                    errors = list(threads.map(fails, cases))
            else:
                errors = list(map(fails, cases))
            failed = [(case, error) for case, error in zip(cases, errors) if error is not None]
            if failed:
                told = ["%d of %d cases failed, of which the first is shown above:" % (len(failed), len(cases))]
                told += [", ".join(ascii(value)[:80] for value in case) for case, _ in failed]
                raise AssertionError("\n".join(told)) from failed[0][1]

        signature = inspect.signature(test)
        others = [one for name, one in signature.parameters.items() if name not in names]
        assert len(others) + len(names) == len(signature.parameters)
        through_all.__signature__ = signature.replace(parameters=others)
        return through_all

    return decorate
