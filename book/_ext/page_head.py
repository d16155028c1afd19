"""What others show of a page: its description and title, and buttons to the repository where one is known.

The address of the repository is that of the checkout that continuous integration builds, `GITHUB_REPOSITORY`; the
pages of a reader's own clone have no such buttons.
"""

import os
import re
from html import escape

from docutils import nodes

LENGTH = 200  # characters of a description
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
    return {"parallel_read_safe": True, "parallel_write_safe": True}
