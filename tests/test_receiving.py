"""The examples of docs/receiving.md verify what Breakwater signs. Each is run in its own language."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from breakwater.core.domain.signing import sign
from breakwater.core.domain.signing_secrets import make_secret
from breakwater.core.domain.states import SignatureScheme

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "receiving.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- example: (\w+) -->\n```\w+\n(.*?)```", DOCUMENT, re.DOTALL)
SECRET = make_secret(lambda size: b"n" * size)
OLD_SECRET = make_secret(lambda size: b"o" * size)
BODY = '{"name": "Zoë", "total": 12.50}'.encode()


@dataclass(frozen=True)
class Driver:
    """Calls an example for each request on stdin, and prints the statuses."""

    file_name: str
    command: tuple[str, ...]
    code: str
    code_file: str


DRIVERS = {
    "python": Driver(
        "example.py",
        (sys.executable, "driver.py"),
        "import json, sys\nfrom example import receive\n"
        "requests = json.load(sys.stdin)\n"
        "statuses = [receive(r['headers'], r['body'].encode(), r['secret']) for r in requests]\n"
        "print(json.dumps(statuses))\n",
        "driver.py",
    ),
    "node": Driver(
        "example.mjs",
        ("node", "driver.mjs"),
        'import { readFileSync } from "node:fs";\nimport { receive } from "./example.mjs";\n'
        "const requests = JSON.parse(readFileSync(0));\n"
        "console.log(JSON.stringify(requests.map((r) => receive(r.headers, Buffer.from(r.body), r.secret))));\n",
        "driver.mjs",
    ),
    "go": Driver(
        "example.go",
        ("go", "run", "example.go", "driver.go"),
        'package main\n\nimport (\n\t"encoding/json"\n\t"fmt"\n\t"net/http"\n\t"os"\n)\n\n'
        "type request struct {\n\tHeaders map[string]string\n\tBody string\n\tSecret string\n}\n\n"
        "func main() {\n\tvar requests []request\n"
        "\tif err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {\n\t\tpanic(err)\n\t}\n"
        "\tstatuses := []int{}\n\tfor _, r := range requests {\n\t\theader := http.Header{}\n"
        "\t\tfor name, value := range r.Headers {\n\t\t\theader.Set(name, value)\n\t\t}\n"
        "\t\tstatuses = append(statuses, Receive(header, []byte(r.Body), r.Secret))\n\t}\n"
        "\ttext, _ := json.Marshal(statuses)\n\tfmt.Println(string(text))\n}\n",
        "driver.go",
    ),
}


def request(
    *, age: int = 0, secrets: tuple[str, ...] = (SECRET,), secret: str = SECRET, extra: str = ""
) -> dict[str, object]:
    """Return a signed request as the drivers read it."""
    headers = sign(
        SignatureScheme.STANDARD, secrets, webhook_id="msg_1", timestamp=int(time.time()) - age, body=BODY
    )
    return {"headers": dict(headers), "body": BODY.decode() + extra, "secret": secret}


@pytest.mark.parametrize(
    ("language", "code"),
    EXAMPLES,
    ids=[f"{language}-{place}" for place, (language, _) in enumerate(EXAMPLES)],
)
def test_an_example_accepts_what_breakwater_signs_and_nothing_else(
    language: str, code: str, tmp_path: Path
) -> None:
    driver = DRIVERS[language]
    if shutil.which(driver.command[0]) is None:
        pytest.skip(f"{driver.command[0]} is not installed")
    (tmp_path / driver.file_name).write_text(code, encoding="utf-8")
    (tmp_path / driver.code_file).write_text(driver.code, encoding="utf-8")
    unsigned = request()
    unsigned["headers"] = {}
    requests = [
        request(),
        request(secrets=(SECRET, OLD_SECRET), secret=OLD_SECRET),
        request(secrets=(OLD_SECRET,)),
        request(extra=" "),
        request(age=3_600),
        request(age=-3_600),
        unsigned,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - our own examples
        driver.command,
        cwd=tmp_path,
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [204, 204, 401, 401, 401, 401, 401]


def test_every_language_of_the_page_has_an_example() -> None:
    assert [language for language, _ in EXAMPLES] == ["python", "python", "node", "go"]
