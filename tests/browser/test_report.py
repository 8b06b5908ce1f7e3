"""The report in a real browser, wide and on a phone: every figure is drawn and nothing runs over the edge."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from perforin.report.page import draw, write
from unit.report.synthetic import made_findings

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --allow-file-access-from-files "
    "--virtual-time-budget=10000"
).split()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
FRAME = """<!DOCTYPE html><html><body style="margin:0"><iframe id="page" src="report.html"
style="width:{width}px;height:20000px;border:0"></iframe><pre id="seen"></pre><script>
window.errors=[];document.getElementById('page').onload=function(){{setTimeout(function(){{
 var d=document.getElementById('page').contentDocument,w=d.defaultView,out={{plots:{{}},outside:[],small:[]}};
 d.querySelectorAll('.plot').forEach(function(p){{
  out.plots[p.dataset.key]={{width:p.getBoundingClientRect().width,
   marks:p.querySelectorAll('.trace,.bars .point').length}}}});
 out.scroll=d.documentElement.scrollWidth;out.inner=w.innerWidth;
 d.querySelectorAll('p,h1,h2,figure,details,dl,pre').forEach(function(e){{var b=e.getBoundingClientRect();
  if(b.width&&(b.right>w.innerWidth+1||b.left<-1))out.outside.push(e.tagName+' '+e.textContent.slice(0,40))}});
 d.querySelectorAll('svg text').forEach(function(t){{var s=parseFloat(w.getComputedStyle(t).fontSize);
  if(t.textContent&&s<9.5)out.small.push(t.textContent+' '+s)}});
 document.getElementById('seen').textContent=JSON.stringify(out)}},3000)}};
</script></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    write(made_findings(), place)
    return place


def look(folder: Path, width: int) -> dict[str, Any]:
    """What a browser of the given width makes of the page, in an iframe because windows have a least width."""
    frame = folder / f"frame-{width}.html"
    frame.write_text(FRAME.format(width=width), encoding="utf-8")
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / f'profile-{width}'}", "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    assert found.group(1), "the page did not load within the time given"
    seen: dict[str, Any] = json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return seen


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_draws_every_figure_within_its_width(folder: Path, width: int) -> None:
    seen = look(folder, width)
    keys = {drawing.key for group in draw(made_findings()).values() for drawing in group}
    assert set(seen["plots"]) == keys
    assert all(plot["marks"] > 0 for plot in seen["plots"].values()), seen["plots"]
    assert seen["scroll"] <= seen["inner"]
    assert seen["outside"] == []
    assert seen["small"] == []
