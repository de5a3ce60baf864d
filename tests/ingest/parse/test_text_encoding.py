import pytest

from ingest.errors import Unreadable
from ingest.parse import registry
from ingest.parse.text_encoding import decode_text

RUSSIAN = "Насос гудит: закройте кран и вызовите мастера, он придёт в среду."
JAPANESE = "ポンプがうなるときは栓を閉めて、修理の係に電話してください。"
KOREAN = "펌프에서 소리가 나면 밸브를 잠그고 수리 담당자에게 전화하십시오."
CHINESE = "水泵有异响时，请先关闭阀门，然后打电话给维修人员。"
POLISH = "Gdy pompa hałasuje, zamknij zawór i zadzwoń do działu serwisu, który przyjdzie w środę."
GERMAN = (
    "Wenn die Pumpe dröhnt, schließen Sie das Ventil und rufen Sie die Prüfstelle für Geräte an."
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((RUSSIAN, name) for name in ("cp1251", "koi8_r", "cp866", "utf-16", "utf-16-le")),
        *((JAPANESE, name) for name in ("cp932", "euc_jp", "iso2022_jp")),
        *((KOREAN, name) for name in ("cp949", "utf-16-be")),
        *((CHINESE, name) for name in ("gb18030", "utf-8")),
        *((POLISH, name) for name in ("cp1250",)),
        *((GERMAN, name) for name in ("cp1252", "cp850", "mac_roman")),
    ],
)
def test_encodings_are_found_by_what_is_frequent(text, encoding):
    body = text.encode(encoding)
    assert decode_text(body) == text
    if not encoding.startswith("utf-16-"):
        assert decode_text(body, declared="iso-8859-1") == text  # what nobody thought of
    assert decode_text((f"{text}\n" * 40).encode(encoding)) == f"{text}\n" * 40


def test_a_declared_encoding_of_another_script_is_believed():
    greek = "Κλείστε τη βάνα."
    assert decode_text(greek.encode("cp1253"), declared="windows-1253") == greek
    assert decode_text("请关阀门".encode("hz"), declared="HZ-GB-2312") == "请关阀门"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Η αντλία βουίζει, κλείστε τη βάνα του νερού".encode("cp1253"), "cannot be told"),
        ("המשאבה מזמזמת סגרו את השסתום".encode("cp1255"), "cannot be told"),
        (bytes(range(0xA0, 0x100)) * 9 + b" end of it", "cannot be told"),
        ("锟斤拷锟斤拷 泵 锟斤拷 阀门\n".encode() * 5, "garbled"),
        ("P\ufffd\ufffdmp\ufffd dr\ufffdhnt\n".encode() * 5, "garbled"),
    ],
)
def test_garble_is_refused_by_name(body, reason):
    with pytest.raises(Unreadable, match=reason):
        registry.parse_document(body, "x.txt")


def test_a_text_that_was_encoded_twice_is_read_as_it_was_meant():
    assert decode_text(GERMAN.encode().decode("cp1252").encode()) == GERMAN
    twice = CHINESE.encode()[: len(CHINESE) // 2 * 6].decode("gb18030").encode()
    assert decode_text(twice) == CHINESE.encode()[: len(CHINESE) // 2 * 6].decode()
    for honest in (GERMAN, CHINESE, "Ã is a letter, â too, and Â: ÃÂâ."):
        assert decode_text(honest.encode()) == honest


def test_a_page_in_an_encoding_that_only_it_declares_is_read():
    page = "<html><head><meta charset='windows-1253'></head><body><p>Η αντλία βουίζει</p></body>"
    assert "Η αντλία" in registry.parse_document(page.encode("cp1253"), "x.html").text
