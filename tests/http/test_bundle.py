"""The page's scripts as one."""
import re
from pathlib import Path

import pytest

from parley.server.http import site
from parley.server.http.bundle import joined

MODULES = {
    "app.js": 'import {twice} from "./sums.js";\nimport {$, ONE} from "./names.js";\n$(twice(ONE));',
    "sums.js": '// Sums.\nimport {ONE} from "./names.js";\nconst half = 0.5;\n  // and\n'
               "export function twice(x) {}\nexport async function f() {}",
    "names.js": "export const ONE = 1;\nexport const $ = (x) => x;\nexport class Name {}",
    "unused.js": "export const NOTHING = 0;",
}
WHOLE = """"use strict";
const module_names_js = (() => {
const ONE = 1;
const $ = (x) => x;
class Name {}
return {ONE, $, Name};
})();
const module_sums_js = (() => {
const {ONE} = module_names_js;
const half = 0.5;
function twice(x) {}
async function f() {}
return {twice, f};
})();
const module_app_js = (() => {
const {twice} = module_sums_js;
const {$, ONE} = module_names_js;
$(twice(ONE));
return {};
})();
"""
PAGE = {path.name: path.read_text(encoding="utf-8") for path in Path(site.PAGE).glob("*.js")}


def test_each_script_comes_once_behind_what_it_imports():
    assert joined(MODULES, "app.js") == WHOLE


def test_what_is_not_there_cannot_be_imported():
    with pytest.raises(KeyError):
        joined({"app.js": 'import {x} from "./gone.js";'}, "app.js")


def test_the_pages_scripts_import_what_is_exported_and_all_of_them_are_used():
    whole = joined(PAGE, site.SCRIPT)
    assert re.findall(r"^(?:import|export) .*", whole, re.MULTILINE) == []
    exported = {name: re.search(r"(?ms)const module_%s_js = .*?^return {(.*?)};" % name[:-3], whole) for name in PAGE}
    assert all(exported.values())
    for text in PAGE.values():
        for names, name in re.findall(r'^import {(.*?)} from "./(.*?)"', text, re.MULTILINE):
            assert set(names.split(", ")) <= set(exported[name].group(1).split(", ")), name
