"""The widget's script and frame: which pages may frame it, and what every other answer says."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import HashEmbedder
from starlette.testclient import TestClient
from web_home import serving

from ragdesk.assemble import Workspace
from ragdesk.errors import Invalid
from ragdesk.settings import Settings
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore, normalise_origin
from ragdesk.support.sign_in.sign_in_tables import PUBLISHABLE_KEYS
from ragdesk.web import api, health_routes
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.page_options import PageOptions

SHOP, BLOG = "https://shop.example", "https://blog.example"
PAGE = Path(health_routes.__file__).parent / "page"
HEAVIEST_WIDGET = 60 << 10  # bytes of the script and all that the frame has of its own
OWN_FILES = [*PAGE.glob("widget*")]


@pytest.fixture
def sites(keys):
    store = PublishableKeyStore(keys)
    made = {
        name: store.create(name, origins=origins, collections=["default"])
        for name, origins in {
            "shop": [SHOP, "https://www.shop.example:8443"],
            "blog": [BLOG],
        }.items()
    }
    return store, made


def read_policy(reply) -> dict[str, str]:
    directives = reply.headers["content-security-policy"].split(";")
    return dict(one.strip().partition(" ")[::2] for one in directives if one.strip())


def test_a_frame_is_for_the_pages_of_its_key_alone(home, keys, sites):
    _, made = sites
    with serving(home, keys) as client:
        shop = client.get("/widget", params={"key": made["shop"].token})
        blog = client.get("/widget", params={"key": made["blog"].token})
        chat = client.get("/")
    assert shop.status_code == blog.status_code == 200
    assert read_policy(shop)["frame-ancestors"] == f"{SHOP} https://www.shop.example:8443"
    assert read_policy(blog)["frame-ancestors"] == BLOG
    assert f'data-origins="{BLOG}"' in blog.text
    assert "x-frame-options" not in shop.headers
    assert "set-cookie" not in shop.headers
    assert shop.headers["cache-control"] == "no-store"  # a revoked key's frame is not kept
    strict = {name: value for name, value in read_policy(chat).items() if name != "frame-ancestors"}
    assert {name: read_policy(shop)[name] for name in strict} == strict


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/admin",
        "/inbox",
        "/page/widget.html",
        "/page/widget_frame.js",
        "/v1/page",
        "/healthz",
        "/widget.js",
    ],
)
def test_all_else_is_framed_by_nobody(home, keys, sites, path):
    with serving(home, keys) as client:
        reply = client.get(path)
    assert read_policy(reply)["frame-ancestors"] == "'none'"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["cross-origin-resource-policy"] == (
        "cross-origin" if path == "/widget.js" else "same-origin"
    )


def test_an_unknown_or_revoked_key_has_no_frame(home, keys, sites):
    store, made = sites
    store.revoke(made["blog"].id)
    _, staff = keys.create("staff")
    with serving(home, keys) as client:
        for token in (
            "",
            "rdp_none",
            "x" * 10_000,
            made["blog"].token,
            staff,
            f"{made['shop'].token}x",
        ):
            reply = client.get("/widget", params={"key": token})
            assert reply.status_code == 404
            assert read_policy(reply)["frame-ancestors"] == "'none'"
            assert reply.headers["x-frame-options"] == "DENY"
            assert reply.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "origin",
    [
        "https://*.shop.example",
        "https://*",
        "https://shop.example; script-src *",
        "https://a.example https://b.example",
        "https://shop.example,x",
        "https://bücher.example",
        "https://u:p@shop.example",
        'https://a"b',
        "https://shop.example:port",
    ],
)
def test_no_origin_opens_more_than_one_website(origin):
    with pytest.raises(Invalid, match="no origin"):
        normalise_origin(origin)


def test_an_origin_of_an_older_release_cannot_open_the_frame_to_others(home, keys, sites):
    _, made = sites
    with keys.database.write() as connection:
        old = json.dumps([SHOP, "https://*; script-src *"])
        connection.execute(PUBLISHABLE_KEYS.update().values(origins=old))
    with serving(home, keys) as client:
        reply = client.get("/widget", params={"key": made["shop"].token})
    assert read_policy(reply)["frame-ancestors"] == SHOP
    assert read_policy(reply)["script-src"] == "'self'"


def test_the_script_has_the_operators_name_and_colours_and_is_kept_for_a_while(home, keys, sites):
    look = PageOptions(name='A "name" </script>\u2028', accent="#7a1f5c")
    with serving(home, keys, tables={"page": look}) as client:
        reply = client.get("/widget.js")
        again = client.get("/widget.js", headers={"Origin": SHOP})
    assert reply.headers["content-type"].startswith("text/javascript")
    assert reply.headers["cache-control"] == "public, max-age=600"
    (line,) = re.findall(r"const LOOK = (.*?);", reply.text)
    assert json.loads(line) == {"name": look.name, "accent": "#7a1f5c", "accentDark": ""}
    assert line.isascii()
    assert "access-control-allow-origin" not in again.headers


def test_only_the_origins_of_a_key_read_an_answer(home, keys, sites):
    _, made = sites
    with serving(home, keys) as client:
        shown = {"Authorization": f"Bearer {made['shop'].token}"}
        theirs = client.post("/v1/visitors", headers={**shown, "Origin": SHOP})
        framed = client.post("/v1/visitors", headers={**shown, "Origin": "http://localhost:8080"})
        other = client.post("/v1/visitors", headers={**shown, "Origin": BLOG})
    assert theirs.headers["access-control-allow-origin"] == SHOP
    assert framed.status_code == 201  # the frame itself is a page of this server
    assert "access-control-allow-origin" not in framed.headers
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers


def test_frames_are_limited_by_the_network_that_asks_for_them(home, keys, sites):
    settings = replace(Settings(), limits=LimitOptions(network_per_minute=3))
    app = api.build_app(Workspace(home, settings, HashEmbedder()), keys)
    with TestClient(app, "http://localhost:8080", client=("192.0.2.7", 50_000)) as client:
        address = [f"/widget?key=rdp_{n}" for n in range(8)]
        statuses = [client.get(one).status_code for one in address]
        assert statuses.count(429) >= 2  # a minute may have begun meanwhile
        assert client.get("/widget.js").status_code == 200


def test_the_widget_weighs_little():
    sizes = {file.name: file.stat().st_size for file in OWN_FILES}
    assert "widget.js" in sizes
    assert sum(sizes.values()) <= HEAVIEST_WIDGET, sizes


def test_the_script_leaves_one_name_and_writes_no_markup():
    script = (PAGE / "widget.js").read_text(encoding="utf-8")
    assert re.findall(r"defineProperty\(window, \"(\w+)\"", script) == ["ragdesk"]
    assert not re.search(r"\bwindow\.\w+ ?=[^=]|globalThis", script)
    for file in OWN_FILES:
        words = file.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|srcdoc|document\.cookie",
            words,
        ), file.name
    posts = re.findall(
        r"postMessage\(.*", "\n".join(file.read_text(encoding="utf-8") for file in OWN_FILES)
    )
    assert posts
    assert not any('"*"' in post for post in posts)


def test_a_file_that_a_browser_has_is_not_sent_again(client):
    first = client.get("/page/style.css")
    tag = first.headers["etag"]
    again = client.get("/page/style.css", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    other = client.get("/page/app.js", headers={"If-None-Match": tag})
    assert (other.status_code, len(other.content) > 0) == (200, True)
