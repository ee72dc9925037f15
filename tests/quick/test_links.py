"""A link that leads nowhere is found, without a network."""

from pathlib import Path

import pytest

from tests.docs.links import dead_links


@pytest.mark.parametrize("link", ["gone.md", "page.md#gone", "#gone", "docs/gone.png"])
def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, link: str):
    (tmp_path / "page.md").write_text("# Here")
    (tmp_path / "README.md").write_text(f"# There\n[x]({link})")
    assert dead_links(tmp_path) == [f"README.md: {link}"]


@pytest.mark.parametrize("link", ["page.md", "page.md#here-it-is", "#there", "https://x.example/"])
def test_a_link_that_leads_somewhere_is_not(tmp_path: Path, link: str):
    (tmp_path / "page.md").write_text("# Here, it is")
    (tmp_path / "README.md").write_text(f"# There\n[x]({link})\n`[y](gone.md)`\n")
    assert dead_links(tmp_path) == []
