import base64

import pytest

from ragdesk.errors import EncryptionKeyMissing, SettingsError
from ragdesk.support.encryption import TextCipher, read_encryption_keys
from ragdesk.support.replicas.request_digests import is_same_body, make_request_digests

OLD, NEW = bytes(32), bytes(range(32))


def test_the_newest_key_seals_and_all_of_them_open():
    old_text = TextCipher([OLD]).seal("退款")
    rotated = TextCipher([NEW, OLD])
    assert rotated.open(old_text) == rotated.open(rotated.seal("退款")) == "退款"
    assert rotated.seal("x").startswith(rotated.newest_mark)
    assert TextCipher([NEW]).open(rotated.seal("x")) == "x"


def test_a_text_is_sealed_differently_each_time():
    cipher = TextCipher([OLD])
    assert cipher.seal("x") != cipher.seal("x")


@pytest.mark.parametrize("cipher", [TextCipher(), TextCipher([NEW])])
def test_what_a_missing_key_sealed_is_refused(cipher):
    with pytest.raises(EncryptionKeyMissing, match="encryption_key"):
        cipher.open(TextCipher([OLD]).seal("x"))


def test_a_changed_text_is_refused():
    sealed = TextCipher([OLD]).seal("one hundred")
    for changed in (sealed[:-8] + "AAAAAAA=", sealed[:-1], sealed + "\n", sealed + "é"):
        with pytest.raises(EncryptionKeyMissing, match="changed"):
            TextCipher([OLD]).open(changed)


@pytest.mark.parametrize("text", ["", "plain", "\x02", "\x02plain:x", "\x02abcd1234:AAAA"])
@pytest.mark.parametrize("keys", [[], [OLD]])
def test_any_text_comes_back_as_it_was(keys, text):
    cipher = TextCipher(keys)
    assert cipher.open(cipher.seal(text)) == text


def test_words_are_hashed_by_key():
    plain, old, rotated = TextCipher(), TextCipher([OLD]), TextCipher([NEW, OLD])
    assert plain.hash_word("refund") != old.hash_word("refund")
    expected = {cipher.hash_word("refund") for cipher in (plain, old, rotated)}
    assert set(rotated.list_word_hashes("refund")) == expected


def test_requests_are_told_apart_by_a_secret_that_no_database_holds():
    first, rotated = TextCipher([OLD]), TextCipher([NEW, OLD])
    before = make_request_digests(first, b"in the database").digest(b"body")[0]
    now = make_request_digests(rotated, b"in the database")
    assert before not in make_request_digests(TextCipher(), b"in the database").digest(b"body")
    assert now.digest(b"body")[0] != before
    assert is_same_body(before, now.digest(b"body"))
    assert not is_same_body(before, now.digest(b"other"))


def test_keys_are_read_from_the_setting_or_from_a_file(tmp_path):
    names = [base64.b64encode(key).decode() for key in (NEW, OLD)]
    file = tmp_path / "keys"
    file.write_text("\n".join(names) + "\n")
    assert read_encryption_keys(", ".join(names)) == [NEW, OLD]
    assert read_encryption_keys(f"file:{file}") == [NEW, OLD]
    assert read_encryption_keys("") == []


@pytest.mark.parametrize("setting", ["secret", "AAAA", ",", "file:/nowhere", "file:/dev/null", "é"])
def test_what_is_no_key_is_refused_and_not_repeated(setting):
    with pytest.raises(SettingsError, match=r"support\.encryption_key|holds no key") as caught:
        read_encryption_keys(setting)
    assert "secret" not in str(caught.value)
