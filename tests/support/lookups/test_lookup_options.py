"""The table of a lookup: what holds, what is refused, and that no secret is shown."""

import importlib.resources
import re
from dataclasses import replace

import pytest
from order_server import ORDER_LOOKUP

from ragdesk.errors import SettingsError
from ragdesk.settings import SECRET_MASK, list_settings, load_settings
from ragdesk.support.lookups.lookup_template import fill_template

TABLE = """
[lookups.orders]
url = "https://orders.example/{value}?of={sub}"
pattern = "{digits:5-10}"
words = ["order", "订单"]
answer = { en = "Order {value} is {status}." }
headers = { Authorization = "Bearer s3cret" }
"""


def read(tmp_path, text, environ=None):
    file = tmp_path / "r.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(home=tmp_path, config=file, environ=environ or {})


def test_lookups_stand_in_tables_of_their_own_names(tmp_path):
    more = TABLE + TABLE.replace("orders]", "returns]").replace("order", "return")
    headers = '{"Authorization": "Bearer other"}'
    loaded = read(tmp_path, more, {"RAGDESK_LOOKUPS__RETURNS__HEADERS": headers})

    assert list(loaded.settings.lookups) == ["orders", "returns"]
    assert loaded.settings.lookups["returns"].headers == {"Authorization": "Bearer other"}
    rows = {row.name: row for row in list_settings(loaded.settings, loaded.origins)}
    assert rows["lookups.orders.headers"].value == SECRET_MASK
    assert rows["lookups.returns.headers"].origin == "RAGDESK_LOOKUPS__RETURNS__HEADERS"
    assert "s3cret" not in str(rows)
    assert "s3cret" not in repr(loaded.settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[lookups]\norders = 1\n", "Unknown setting 'lookups.orders'"),
        (TABLE.replace("orders]", '"Or ders"]'), "lower-case"),
        (TABLE + "colour = 1\n", "Unknown setting 'lookups.orders.colour'"),
        (TABLE.replace("pattern", "# "), r"lookups.orders.pattern \(default\): .*required"),
        (TABLE.replace("?of={sub}", ""), "everybody would read everybody's"),
        (TABLE.replace("{digits:5-10}", "(a+)+"), "pattern cannot be read"),
        (TABLE.replace('"Bearer s3cret"', '"Bearer s3cret\\r\\nX: y"'), "holds what no header may"),
        (TABLE.replace("Authorization", "Host"), "headers must not hold 'Host'"),
        (
            TABLE.replace('Authorization = "Bearer s3cret"', '"Authorization: s3cret" = ""'),
            "'Authorization'",
        ),
        (TABLE.replace('["order", "订单"]', "[]"), "words must name"),
        (TABLE.replace("en =", "fr ="), "en, zh, not 'fr'"),
        (TABLE + "seconds = 60\n", "seconds must lie"),
        (TABLE.replace("orders.example", "0x7f.1"), "no address of a host"),
        (TABLE.replace("orders.example", "orders.example:0"), "no address of a host"),
        (TABLE + 'private_networks = ["10.0.0.0/99"]\n', "10.0.0.0/99"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_with_it(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message) as caught:
        read(tmp_path, text)
    assert "s3cret" not in str(caught.value)


def test_a_field_that_names_the_owner_stands_for_the_customer_in_the_address():
    url = "https://orders.example/{value}"
    assert replace(ORDER_LOOKUP, url=url, owner="customer.id").owner
    with pytest.raises(ValueError, match="owner"):
        replace(ORDER_LOOKUP, url=url)


def test_the_table_of_the_guide_can_be_read(tmp_path):
    guide = importlib.resources.files("ragdesk") / "support/lookups/LOOKUPS.md"
    table = re.search(r"```toml\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)[1]
    lookup = read(tmp_path, table).settings.lookups["orders"]
    reply = {"status": "in_transit", "delivery": {"day": "Monday"}}
    said = fill_template(lookup.answer["zh"], "12345", reply, lookup.terms["zh"])
    assert said == "订单 12345：运输中，预计 Monday 送达。"
