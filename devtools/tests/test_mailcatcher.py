"""The mail catcher: what is sent arrives in the folder and on the page."""

import smtplib
import threading
from email.message import EmailMessage
from http.server import ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from aiosmtpd.controller import Controller

from devtools import mailcatcher
from devtools.process import free_port


@pytest.fixture
def smtp_port(tmp_path):
    """Run the SMTP server and return its port."""
    port = free_port()
    server = Controller(mailcatcher.Keeper(tmp_path), mailcatcher.HOST, port)
    server.start()
    yield port
    server.stop()


@pytest.fixture
def page(tmp_path):
    """Run the page and return a function that gets an address of it."""
    handler = type("Page", (mailcatcher.Page,), {"folder": tmp_path})
    server = ThreadingHTTPServer((mailcatcher.HOST, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def get(path):
        with urlopen(f"http://{mailcatcher.HOST}:{server.server_port}{path}") as answer:
            return answer.headers, answer.read()

    yield get
    server.shutdown()
    server.server_close()


@pytest.fixture
def mail(tmp_path, smtp_port):
    """Send a mail and return the name of its file."""
    message = EmailMessage()
    message["From"] = "Compta <compta@example.com>"
    message["To"] = "client@example.com"
    message["Subject"] = "Relance n° 1 <été>"
    message.set_content("Bonjour")
    message.add_alternative("<p>Réglez <b>ici</b></p>", subtype="html")
    message.add_attachment(b"%PDF", "application", "pdf", filename="été.pdf")
    with smtplib.SMTP(mailcatcher.HOST, smtp_port) as client:
        client.send_message(message, to_addrs=["client@example.com", "bcc@example.com"])
    (path,) = tmp_path.glob("*.eml")
    return path.stem


def test_file_holds_the_mail_and_its_envelope(mail, tmp_path):
    kept = mailcatcher.read(tmp_path / f"{mail}.eml")
    assert kept["X-Envelope-To"] == "client@example.com, bcc@example.com"
    assert kept["Subject"] == "Relance n° 1 <été>"


def test_pages(mail, page):
    _headers, listed = page("/")
    assert f"<a href='/{mail}'>Relance n° 1 &lt;été&gt;</a>" in listed.decode()
    _headers, shown = page(f"/{mail}")
    assert "bcc@example.com" in shown.decode()
    headers, body = page(f"/{mail}/html")
    assert "Réglez <b>ici</b>" in body.decode()
    assert headers["Content-Security-Policy"] == "sandbox"
    headers, attachment = page(f"/{mail}/2")
    assert (headers["Content-Type"], attachment) == ("application/pdf", b"%PDF")


@pytest.mark.parametrize("path", ["/../etc/passwd", "/20260101", "/favicon.ico"])
def test_nothing_else_is_served(page, path):
    with pytest.raises(HTTPError, match="404"):
        page(path)


def test_empty_list(page):
    assert "Aucun e-mail" in page("/")[1].decode()
