"""An SMTP server that keeps every mail as a file, and a page that shows them.

    python -m devtools.mailcatcher --folder MAILS --smtp-port 1025 [--http-port 8025]

Both listen on the loopback address alone. The files are the only state: what lies in
the folder is what the page shows. Runs in the virtual environment (aiosmtpd).
"""

import argparse
import html
import re
import signal
import sys
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"

STYLE = """
body { font: 15px/1.5 sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; }
body { color: #222; background: #f6f6f8; }
table { border-collapse: collapse; width: 100%; background: #fff; }
th, td { padding: .4rem .6rem; text-align: left; vertical-align: top; }
tr { border-bottom: 1px solid #e3e3e8; }
th { white-space: nowrap; }
a { color: #714b67; }
iframe, pre { width: 100%; box-sizing: border-box; background: #fff; margin: 1rem 0; }
iframe { height: 40rem; border: 1px solid #e3e3e8; }
pre { border: 1px solid #e3e3e8; padding: 1rem; white-space: pre-wrap; }
"""
#: What a mail's page shows, with its French label.
HEADERS = {
    "Date": "Date",
    "From": "De",
    "To": "À",
    "Cc": "Copie à",
    "Reply-To": "Réponse à",
    "Subject": "Objet",
    "X-Envelope-From": "Expéditeur réel",
    "X-Envelope-To": "Destinataires réels",
    "Message-Id": "Identifiant",
}


class Keeper:
    """What aiosmtpd calls for each mail: writes it to the folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    async def handle_DATA(self, server, session, envelope) -> str:
        """Write the mail, headed by whom it was really sent from and to."""
        arrival = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        recipients = ", ".join(envelope.rcpt_tos)
        head = (
            f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {recipients}\r\n"
        )
        draft = self.folder / f".{arrival}"
        draft.write_bytes(head.encode() + envelope.original_content)
        draft.rename(self.folder / f"{arrival}.eml")
        return "250 OK"


def read(path: Path) -> EmailMessage:
    """Return the mail in a file."""
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def parts(mail: EmailMessage) -> list[EmailMessage]:
    """Return the mail's leaves: its bodies, its pictures, its attachments."""
    return [part for part in mail.walk() if not part.is_multipart()]


def content(part: EmailMessage) -> bytes:
    """Return a part's content, text as UTF-8."""
    if part.get_content_maintype() == "text":
        return part.get_content().encode("utf-8", "replace")
    return part.get_payload(decode=True) or b""


class Page(BaseHTTPRequestHandler):
    """The pages: the list, a mail, its HTML body, and each of its parts."""

    folder: Path

    def do_GET(self) -> None:
        """Answer `/`, `/NAME`, `/NAME/html` and `/NAME/PART`."""
        name, _, part = self.path.strip("/").partition("/")
        path = self.folder / f"{name}.eml"
        # Names with anything else in them are none of ours.
        if name and (not re.fullmatch(r"[\d-]+", name) or not path.exists()):
            self.send_error(404)
        elif not name:
            self._send(self._list().encode())
        elif not part:
            self._send(self._mail(name, read(path)).encode())
        elif part == "html":
            self._send(self._html_body(name, read(path)).encode(), sandboxed=True)
        else:
            self._send_part(read(path), part)

    def _send_part(self, mail: EmailMessage, number: str) -> None:
        leaves = parts(mail)
        if not number.isdigit() or int(number) >= len(leaves):
            self.send_error(404)
            return
        part = leaves[int(number)]
        self._send(
            content(part), part.get_content_type(), part.get_filename(), sandboxed=True
        )

    def _send(
        self,
        body: bytes,
        kind="text/html",
        filename: str | None = None,
        *,
        sandboxed=False,
    ) -> None:
        self.send_response(200)
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        self.send_header("Content-Type", kind + charset)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        # A browser's PDF viewer does not work in a sandbox, and needs none.
        if sandboxed and kind != "application/pdf":
            self.send_header("Content-Security-Policy", "sandbox")
        if filename:
            self.send_header(
                "Content-Disposition", f"inline; filename*=UTF-8''{quote(filename)}"
            )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments) -> None:
        """Keep quiet: the page asks for itself every few seconds."""

    def _list(self) -> str:
        rows = []
        for path in sorted(self.folder.glob("*.eml"), reverse=True):
            mail = read(path)
            attached = sum(1 for _ in mail.iter_attachments()) or ""
            subject = mail["Subject"] or "(sans objet)"
            cells = (
                datetime.strptime(path.stem, "%Y%m%d-%H%M%S-%f").strftime(
                    "%d/%m %H:%M:%S"
                ),
                html.escape(mail["From"] or ""),
                html.escape(mail["X-Envelope-To"] or ""),
                f"<a href='/{path.stem}'>{html.escape(subject)}</a>",
                str(attached),
            )
            rows.append(
                "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
            )
        titles = ("Reçu", "De", "Destinataires", "Objet", "Pièces jointes")
        head = "".join(f"<th>{title}</th>" for title in titles)
        empty = "<p>Aucun e-mail pour l'instant.</p>" if not rows else ""
        return document(
            f"E-mails interceptés ({len(rows)})",
            f"<table><tr>{head}</tr>{''.join(rows)}</table>{empty}",
            "<meta http-equiv='refresh' content='5'>",
        )

    def _mail(self, name: str, mail: EmailMessage) -> str:
        rows = "".join(
            f"<tr><th>{label}</th><td>{html.escape(value)}</td></tr>"
            for header, label in HEADERS.items()
            for value in mail.get_all(header, [])
        )
        links = []
        for number, part in enumerate(parts(mail)):
            label = part.get_filename() or part.get_content_type()
            link = f"<a href='/{name}/{number}'>{html.escape(label)}</a>"
            links.append(f"<li>{link} ({max(len(content(part)) // 1024, 1)} ko)</li>")
        if mail.get_body(("html",)):
            body = f"<iframe sandbox src='/{name}/html'></iframe>"
        else:
            text = mail.get_body(("plain",))
            body = f"<pre>{html.escape(text.get_content() if text else '')}</pre>"
        return document(
            html.escape(mail["Subject"] or "(sans objet)"),
            f"<p><a href='/'>← Tous les e-mails</a></p><table>{rows}</table>{body}"
            f"<h2>Contenu</h2><ul>{''.join(links)}</ul>",
        )

    def _html_body(self, name: str, mail: EmailMessage) -> str:
        """Return the mail's HTML, with its inline pictures taken from the mail."""
        body = mail.get_body(("html",))
        text = body.get_content() if body else ""
        for number, part in enumerate(parts(mail)):
            if cid := part["Content-Id"]:
                text = text.replace(f"cid:{cid.strip('<> ')}", f"/{name}/{number}")
        return text


def document(title: str, body: str, head: str = "") -> str:
    """Return a whole page; title and body are HTML already."""
    return (
        f"<!DOCTYPE html><html lang='fr'><head><meta charset='utf-8'>{head}"
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body><h1>{title}</h1>{body}</body></html>"
    )


def main() -> None:
    """Catch mails until we are ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())

    smtp = Controller(
        Keeper(options.folder), HOST, options.smtp_port, data_size_limit=None
    )
    smtp.start()
    try:
        if options.http_port:
            page = type("Page", (Page,), {"folder": options.folder})
            ThreadingHTTPServer((HOST, options.http_port), page).serve_forever()
        signal.pause()
    finally:
        smtp.stop()


if __name__ == "__main__":
    main()
