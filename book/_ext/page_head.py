"""The head of a page: what others show of it, its colours without scripts, and buttons to a known repository.

The address of the repository is that of the checkout that continuous integration builds, `GITHUB_REPOSITORY`; the
pages of a reader's own clone have no such buttons.
"""

import os
import re
from html import escape
from pathlib import Path

from docutils import nodes

LENGTH = 200  # characters of a description
AUTO = 'data-theme="auto"'  # how the theme writes its default into the first tag of a page
# The theme's icons stand in the page when it loads; looking for new ones among all marks of every chart takes seconds.
ICONS = "<script>window.FontAwesomeConfig = { observeMutations: false };</script>"


def description(doctree: nodes.document) -> str:
    """The first paragraph of a page that is not a quotation, in whole words."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and len(paragraph.astext()) > 40:
            text = " ".join(re.sub(r"[{}\\]", "", paragraph.astext()).split())  # formulas as far as text has them
            return text if len(text) <= LENGTH else text[: LENGTH - 1].rsplit(" ", 1)[0] + "…"
    return ""


def head(app, pagename, templatename, context, doctree):
    """html-page-context: a description, and what is shown of a link to the page."""
    if doctree is None:
        return
    site, title = app.config.html_title or app.config.project, nodes.Text(context.get("title", "")).astext()
    said = description(doctree) or site
    properties = {"title": title, "description": said, "type": "article", "site_name": site}
    tags = [ICONS, f'<meta name="description" content="{escape(said)}" />']
    tags += [f'<meta property="og:{name}" content="{escape(value)}" />' for name, value in properties.items()]
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


def references(app, pagename, templatename, context, doctree):
    """html-page-context: entries of the list of references as the items that a list has for a screen reader."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')


def without_scripts(app, error):
    """build-finished: where no script says which, the colours of a page are the light ones; "auto" has none at all."""
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if AUTO in page[:500]:
            path.write_text(page.replace(AUTO, 'data-theme="light"', 1), encoding="utf-8")


def buttons(app, config):
    """config-inited: the repository and issue buttons of the theme."""
    repository = os.environ.get("GITHUB_REPOSITORY")
    if repository:
        options = {"use_repository_button": True, "use_issues_button": True, "repository_branch": "main"}
        address = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
        config.html_theme_options = {**config.html_theme_options, **options, "repository_url": address}


def setup(app):
    app.connect("config-inited", buttons)
    app.connect("html-page-context", head)
    app.connect("html-page-context", references)
    app.connect("build-finished", without_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
