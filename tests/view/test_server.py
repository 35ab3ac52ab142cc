"""What the server answers, and to whom."""

import http.client
import json

import pytest

from rast_eval.errors import UsageError
from rast_eval.view.server import ViewServer


def ask(server, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_it_listens_on_the_loopback_address_alone(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8421", 200), ("localhost:9000", 200), ("evil.example", 403), ("evil.example:8421", 403), ("", 403)],
)
def test_only_this_machines_names_are_answered(server, host, status):
    """A page of the web that calls itself 127.0.0.1 by DNS still sends its own name."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
    connection.putrequest("GET", "/api/overview", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_no_other_origin_may_read_and_only_our_scripts_run(server):
    page, _ = ask(server, "/")
    policy = page.getheader("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.getheader("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/sample?b=own&c=1&p=3&s=2", 200),
        ("/api/sample?b=own&c=1&p=3&s=99", 404),
        ("/api/sample?b=own&c=9&p=3&s=0", 404),
        ("/api/sample?b=own&c=x&p=3&s=0", 404),
        ("/api/problem?b=own&p=nobody", 404),
        ("/api/problem", 404),
        ("/api/search?b=own&q=(", 400),
        ("/etc/passwd", 404),
        ("/api/../etc/passwd", 404),
    ],
)
def test_every_question_has_an_answer(server, path, status):
    assert ask(server, path)[0].status == status


def test_a_seed_survives_the_browsers_numbers(server):
    _, body = ask(server, "/api/sample?b=own&c=1&p=3&s=2")
    assert json.loads(body)["seed"] == "1"


def test_a_port_that_is_taken(server):
    with pytest.raises(UsageError, match="cannot be taken"):
        ViewServer(server.shown, server.server_address[1])
