"""A port or an address of the other end, typed for the source, is questioned."""

from __future__ import annotations

import pytest

from tests.support.evidence import codes, read, typed

AT = "2026-09-14T19:05:09Z"
SOURCE, OTHER = "203.0.113.7", "198.51.100.80"


def questions(text: str, address: str = SOURCE, port: int | None = 40112) -> list[str]:
    return sorted(codes(typed(AT, address, port), read(text)))


@pytest.mark.parametrize(
    "line",
    [
        "from 203.0.113.7 port 40112 to 198.51.100.80 port 8443",
        "src=203.0.113.7 src-port=40112 dst=198.51.100.80 dst-port=8443",
        "Source Address: 203.0.113.7 Source Port: 40112 Destination Address: 198.51.100.80 Destination Port: 8443",
        "src=203.0.113.7 dst=198.51.100.80 spt=40112 dpt=8443",
        "src=203.0.113.7 dst=198.51.100.80 source port 40112 destination port: 8443",
        '{"srcIp":"x","src_ip":"203.0.113.7","srcPort":40112,"dest_ip":"198.51.100.80","destPort":"8443"}',
        "client 203.0.113.7 port 40112 server port 8443",
        "client 203.0.113.7 port 40112 local-port=8443",
        "client: 203.0.113.7:40112, server_port: 8443",
        "203.0.113.7:40112 -> 198.51.100.80 port 8443",
        "203.0.113.7:40112 asks port 8443",
        "203.0.113.7 port 40112 asks port 8443",
        "203.0.113.7 port 40112 GET /x?port=8443",
        "c-ip=203.0.113.7 sport=40112 s-ip=198.51.100.80 s-port=8443",
        "permitted tcp inside/203.0.113.7(40112) -> outside/10.0.0.5(8443)",
        "from 203.0.113.7/40112 to 198.51.100.80/8443",
        "client 203.0.113.7#40112 server 10.0.0.5#8443",
        "203.0.113.7 port 40112 -> 198.51.100.80 port 8443",
    ],
)
def test_the_named_port_of_the_other_end_typed_for_that_of_the_source_is_questioned(line: str) -> None:
    assert questions(f"{AT} {line}\n", port=8443) == ["PORT_DIFFERS"]
    assert questions(f"{AT} {line}\n") == []
    assert questions(f"{AT} {line}\n", port=None) == ["PORT_LEFT_OUT"]


@pytest.mark.parametrize(
    "line",
    [
        "from 203.0.113.7 to 198.51.100.80 port 8443",
        "203.0.113.7 dst-port=8443",
        "203.0.113.7 destination port: 8443",
        "203.0.113.7 server_port=8443",
        "203.0.113.7 GET /x?port=8443",
        "203.0.113.7 GET http://example.org:8443/8443",
        "203.0.113.7 to port 8443",
        "203.0.113.7 -> 198.51.100.80/8443",
        "203.0.113.7 -> 10.0.0.5(8443)",
    ],
)
def test_the_port_of_the_other_end_is_that_of_the_source_also_where_the_line_has_no_other(line: str) -> None:
    assert questions(f"{AT} {line}\n", port=8443) == ["PORT_DIFFERS"]
    assert questions(f"{AT} {line}\n", port=None) == []


@pytest.mark.parametrize(
    "line",
    [
        "Failed password for root from 203.0.113.7 port 40112 ssh2",
        "port=40112 client=203.0.113.7",
        "peer 203.0.113.7 port 40112 piece received",
        "from 203.0.113.7 at 10.0.0.1 source port 40112",
        "203.0.113.7 remote port 40112",
        "203.0.113.7 rport=40112",
        "203.0.113.7 port: 40112, server 198.51.100.80",
        "port 40112 of 203.0.113.7",
        "203.0.113.7, 10.0.0.9 - port=40112",
        "client 203.0.113.7#40112 (example.org): query",
        "203.0.113.0/24 client=203.0.113.7/40112",
    ],
)
def test_a_port_that_is_the_sources_or_nobodys_by_name_is_the_sources(line: str) -> None:
    assert questions(f"{AT} {line}\n") == []
    assert questions(f"{AT} {line}\n", port=8443) == ["PORT_DIFFERS"]
    assert questions(f"{AT} {line}\n", port=None) == ["PORT_LEFT_OUT"]


def test_a_word_that_ends_in_port_names_none() -> None:
    for word in ("support", "transport", "report"):
        assert questions(f"{AT} 203.0.113.7 {word} 50001\n", port=None) == []


@pytest.mark.parametrize("port", [8443, 40112])
def test_the_other_end_typed_for_the_source_is_questioned_with_any_port(port: int) -> None:
    line = f"{AT} from 203.0.113.7 port 40112 to 198.51.100.80 port 8443\n"
    assert set(questions(line, OTHER, port)) >= {"ADDRESS_OTHER_END"}
    assert ("PORT_DIFFERS" in questions(line, OTHER, port)) == (port == 8443)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time,client_ip,server_ip,port", f"{AT},203.0.113.7,198.51.100.80,8443"),
        ("time,server_ip,port,client_ip", f"{AT},198.51.100.80,8443,203.0.113.7"),
        ("time,port,client_ip,server_ip", f"{AT},8443,203.0.113.7,198.51.100.80"),
        ("time,client_ip,dst,port", f"{AT},203.0.113.7,198.51.100.80,8443"),
        ("time,client_ip,server_port", f"{AT},203.0.113.7,8443"),
        ("time,client_ip,Destination Port", f"{AT},203.0.113.7,8443"),
        ("time,client_ip,url", f"{AT},203.0.113.7,/x?port=8443"),
    ],
)
def test_a_port_that_a_table_does_not_say_to_be_the_clients_is_questioned(header: str, row: str) -> None:
    assert questions(f"{header}\n{row}\n", port=8443) == ["PORT_DIFFERS"]
    assert questions(f"{header}\n{row}\n", port=None) == []


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time,client_ip,port,server_ip", f"{AT},203.0.113.7,40112,198.51.100.80"),
        ("time,server_ip,client_ip,port", f"{AT},198.51.100.80,203.0.113.7,40112"),
        ("time,server_ip,ip,port", f"{AT},198.51.100.80,203.0.113.7,40112"),
        ("time,client_ip,client_port,server_ip,port", f"{AT},203.0.113.7,40112,198.51.100.80,8443"),
        ("time,port,client_ip", f"{AT},40112,203.0.113.7"),
        ("time,ip,srcPort,dstPort", f"{AT},203.0.113.7,40112,8443"),
    ],
)
def test_a_port_beside_the_client_in_a_table_is_the_clients(header: str, row: str) -> None:
    assert questions(f"{header}\n{row}\n") == []
    assert questions(f"{header}\n{row}\n", port=8443) == ["PORT_DIFFERS"]
    assert questions(f"{header}\n{row}\n", port=None) == ["PORT_LEFT_OUT"]


@pytest.mark.parametrize("column", ["client_port", "server_port"])
def test_no_number_of_a_row_that_does_not_fit_its_table_is_its_port(column: str) -> None:
    table = f"client_ip,time,{column},url\n203.0.113.7,{AT},40112,/a,8443\n"
    for port in (8443, 40112):
        assert questions(table, port=port) == ["PORT_DIFFERS"]
    assert questions(table, port=None) == []


def test_which_address_of_a_row_that_does_not_fit_its_table_is_the_client_is_asked() -> None:
    table = f"client_ip,server_ip,time,url\n,198.51.100.80,{AT},/a,b\n"
    assert questions(table, OTHER, None) == ["ADDRESS_ONE_OF_SEVERAL"]


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("192.168.1.20:51514 -> 203.0.113.7:8443", 8443),
        ("10.0.0.5:51514 > 203.0.113.7:8443 tcp", 8443),
        ("fd00::5 → 203.0.113.7 port 8443", 8443),
        ("192.168.1.20 port 51514 -> 203.0.113.7 port 8443", 8443),
        ("192.168.1.20 port: 51514, -> 203.0.113.7:8443", 8443),
        ("inside/192.168.1.20(51514) -> outside/203.0.113.7(8443)", 8443),
        ("(192.168.1.20:51514) => (203.0.113.7:8443)", 8443),
        ("src=192.168.1.20 dst=203.0.113.7 dpt=8443", 8443),
        ("from 192.168.1.20 port 51514 to 203.0.113.7 port 8443", 8443),
        ("from 192.168.1.20 port 51514 to 203.0.113.7 port 8443", 51514),
    ],
)
def test_what_a_private_address_reached_is_the_other_end(line: str, port: int) -> None:
    found = questions(f"{AT} {line}\n", port=port)
    assert "ADDRESS_OTHER_END" in found
    assert ("PORT_DIFFERS" in found) == (port == 8443)
    assert questions(f"{AT} {line}\n", port=None) == ["ADDRESS_OTHER_END"]


@pytest.mark.parametrize(
    "line",
    [
        "203.0.113.7:40112 -> 192.168.1.5:8443",
        "from 203.0.113.7 port 40112 to 10.0.0.1 port 8443",
        "10.0.0.1 accepts 203.0.113.7:40112",
        "02:00:5e:10:00:01 -> 203.0.113.7:40112",
    ],
)
def test_a_public_address_that_reached_a_private_one_is_the_source(line: str) -> None:
    assert questions(f"{AT} {line}\n") == []
    assert questions(f"{AT} {line}\n", port=8443) == ["PORT_DIFFERS"]


@pytest.mark.parametrize(
    "line",
    ["client=10.0.0.5 backend=203.0.113.7", "10.0.0.5 -> 203.0.113.7 -> 198.51.100.80", "src=10.0.0.5 203.0.113.7"],
)
def test_a_public_address_beside_a_private_source_is_asked_about(line: str) -> None:
    assert questions(f"{AT} {line}\n", port=None) == ["ADDRESS_ONE_OF_SEVERAL"]
