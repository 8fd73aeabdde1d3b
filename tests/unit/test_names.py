"""Names with any characters: in figures, pages, files and names of directories."""

import json
import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

import latticecell as lc
from cells import tiny
from latticecell import view
from latticecell.export import export_run
from latticecell.output.look import plain
from latticecell.report import write_report
from latticecell.report.html import page, picture
from latticecell.study.plan import file_name
from latticecell.study.plots import lines_figure
from viewed import make_run

NAMES = {
    "dollars": "$x_{1$ and $\\frac{$",
    "line ends": "a\rb\nc\td",
    "control": "".join(map(chr, range(32))) + "\x7f\x9b",
    "emoji": "\N{GRINNING FACE}" * 200,
    "script": '</script></title><script>alert("1")</script>',
    "right to left": "a\u202eb\u2066c \u05d0\u0634",
    "quotes": "\"'`&lt;&amp;%s{0}{name}",
    "marks of the page": "@DATA@ @ABOUT@ @TITLE@",
}


class Seen(HTMLParser):
    """Counts the scripts of a page, and collects its title."""

    def __init__(self):
        super().__init__()
        self.tags, self.title = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "title" and not self.title:
            self.title = data


def seen(text):
    parser = Seen()
    parser.feed(text)
    return parser


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_figures_and_pages_take_any_name(tmp_path, name):
    figure = Figure()
    figure.suptitle(plain(name), wrap=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = picture(figure, name, name)
        picture(
            lines_figure({"n": [1.0, 2.0]}, ["n"], {name: {name: [0]}, "b": {"c": [1]}}, name, name), "", ""
        )
    found = seen(page(name, drawn, [(name, "")]))
    assert found.tags.count("script") == 0 and found.tags.count("img") == 1
    assert found.title.isprintable()

    run = make_run()
    run = lc.Run(replace(run.source, info_={**run.source.info_, "name": name}))
    text = view.web_page(run, tmp_path / "a.html").read_text(encoding="utf-8")
    plain_page = view.web_page(make_run(), tmp_path / "b.html").read_text(encoding="utf-8")
    assert seen(text).tags == seen(plain_page).tags
    assert re.sub("<title>.*</title>", "", text) == re.sub("<title>.*</title>", "", plain_page)
    json.loads(re.search(r"const about = (.*);", text).group(1))


@pytest.mark.parametrize(
    "name", [*NAMES.values(), "..", "../x", "", "ä" * 300, "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 90]
)
def test_any_name_gives_the_name_of_a_file(tmp_path, name):
    path = tmp_path / f"{file_name(name)}-seed1-0123456789"
    path.write_bytes(b"")
    assert path.parent == path.resolve().parent == tmp_path
    assert not path.name.startswith(".")


def test_a_run_with_an_awkward_name_in_an_awkward_directory(tmp_path):
    name, folder = (
        "$a_{\r</script>\x1b\u202e'\"" + "\N{GRINNING FACE}" * 150,
        tmp_path / "a b'\"#%20%b;é$\N{GRINNING FACE}",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = lc.run(tiny(name=name), folder / "run #1")
        assert run.config.name == run.info["name"] == name
        write_report(run.path, folder / "report #1.html")
        for form in ("vtu", "npz", "csv"):
            export_run(run.path, form, folder / form)
    assert "script" not in seen((folder / "report #1.html").read_text(encoding="utf-8")).tags
    vtk = pytest.importorskip("vtkmodules.vtkIOHDF")
    reader = vtk.vtkHDFReader()
    reader.SetFileName(str(run.path / "fields.vtkhdf"))
    reader.Update()
    points = np.array(reader.GetOutput().GetPoints().GetData())
    assert np.abs(points).max() > 1.0  # the network behind the index was found
