"""The 84 scenario ids of the FSC test suite, each with the requirement of the standard that it tests.

Ids as in the overview tables of github.com/Logius-standaarden/fsc-test-suite at commit 9e9fa52 (13 January 2026).
Manager-Services-1 has two rows there, one list of services asked by the provider and one by anyone; both stand under
one id here. The wording is this suite's own; section numbers are of FSC Core 2.0.0 and FSC Logging 1.1.0.
"""

SUITE_COMMIT = "9e9fa52"


def _signature_cases(action):
    one = f"{'An' if action == 'accept' else 'A'} {action} signature"
    return [
        ("Core 3.2.1, 4.4.1.3", f"A valid {action} signature of a peer on the contract is stored with the contract"),
        ("Core 4.2.3, 4.4.5.3", f"{one} of a peer that is not on the contract is refused"),
        ("Core 4.2.3, 4.4.1.3", f"{one} that is not a JSON Web Signature is refused"),
        ("Core 4.2.4, 4.4.5.3", f"{one} over another content hash is refused"),
        ("Core 4.2.3.2, 4.4.1.3", f"A signature of another type than {action} is refused"),
        ("Core 4.4.5.3", f"A hash in the path of {action} that is not the content's is refused"),
        ("Core 4.2.3, 4.4.5.3", f"{one} with an algorithm outside the list is refused"),
    ]


_FAMILIES = {
    "Manager-SubmitContract": [
        ("Core 4.2.1.3, 4.4.1.2", "A contract with a service connection grant is accepted for storage"),
        ("Core 4.2.1.1, 4.4.1.2", "A contract with a service publication grant is accepted for storage"),
        ("Core 4.2.1.2", "A contract with a delegated service publication grant is accepted for storage"),
        ("Core 4.2.1.4", "A contract with a delegated service connection grant is accepted for storage"),
        ("Core 4.2.1.3", "A contract with a service connection grant to a delegated service is accepted for storage"),
        ("Core 4.2.1.4", "A contract with a delegated connection grant to a delegated service is accepted for storage"),
        ("Core 4.4.5.3", "A contract submitted by a peer that is not on it is refused"),
        ("Core 4.2.1, 4.4.5.3", "A publication grant together with a connection grant is refused"),
        ("Core 4.2.1, 4.4.5.3", "A contract of another group is refused"),
        ("Core 4.2.4, 4.4.5.3", "An unsupported hash algorithm in contract or signed hash is refused"),
        ("Core 4.2.3", "A submission signed with an RSA algorithm is accepted"),
        ("Core 4.2.3", "A submission signed with an ECDSA algorithm is accepted"),
    ],
    "Manager-AcceptContract": [
        *_signature_cases("accept"),
        ("Core 4.2.3", "An accept signature with an RSA algorithm is stored"),
        ("Core 4.2.3", "An accept signature with an ECDSA algorithm is stored"),
    ],
    "Manager-RejectContract": _signature_cases("reject"),
    "Manager-RevokeContract": _signature_cases("revoke"),
    "Manager-Contracts": [
        ("Core 4.4.1.5", "The contracts that a peer is on are listed to it"),
        ("Core 4.4.1.5", "Contracts that a peer is not on are not listed to it"),
    ],
    "Manager-Services": [
        ("Core 4.4.1.8", "A service with a valid publication contract is listed"),
        ("Core 4.4.1.8", "A service offered on behalf of another peer is listed with its delegator"),
        ("Core 4.2.2.1, 4.4.1.8", "A listed service shows the properties of its grant"),
        ("Core 4.2.2.1, 4.4.1.8", "A listed delegated service shows the properties of its grant"),
    ],
    "Manager-GetToken": [
        ("Core 4.4.1.6, 4.3", "A token is issued on a valid contract"),
        ("Core 4.4.1.6", "No token without a valid contract"),
        ("Core 3.2.1, 4.4.1.6", "No token once the contract is revoked"),
        ("Core 4.4.1.6, 4.4.5.1", "No token for a malformed grant hash"),
        ("Core 4.6.1.3, 4.4.5.1", "No token for a grant_type other than client_credentials"),
        ("Core 4.4.1.6 (act)", "The token on a delegated connection names the delegator"),
        ("Core 4.4.1.6 (pdi)", "The token for a delegated service names the publication's delegator"),
        ("Core 4.4.1.6", "No token without client_id"),
        ("Core 4.4.1.6", "No token for a client_id that is not the certificate's participant id"),
        ("Core 4.4.1.6 (prp)", "The token carries the properties of a connection grant"),
        ("Core 4.4.1.6 (prp)", "The token carries the properties of a delegated connection grant"),
    ],
    "Manager-PeerInfo": [("Core 4.4.3 (GET /peer)", "The manager tells who it belongs to")],
    "Manager-Peers": [("Core 4.4.1.9", "Peers that announced themselves are listed")],
    "Manager-TransactionLogRecord": [("Logging 3.2.1.1", "Log records that involve the caller are listed, no others")],
    "Manager-Port": [("Core 4.1.1", "The manager answers on port 443 or 8443")],
    "Manager-JSONWebKeySet": [("Core 4.4.1.4", "The signing certificates are served with their chain, root left out")],
    "Inway-Incoming-Request": [
        ("Core 4.7.1.2", "A request with a valid token reaches the service"),
        ("Core 4.7.2.2.1", "A request without a token is refused"),
        ("Core 4.7.1.2", "A token bound to another certificate is refused"),
        ("Core 4.7.1.1", "A client certificate outside the trust anchors is refused"),
        ("Core 4.7.1.3", "The service receives the token"),
        ("Core 4.7.2.2.1", "An expired token is refused"),
    ],
    "Inway-TransactionLog": [
        ("Logging 3.3.1.1, 2.1", "A record is written before the request goes to the service"),
        ("Logging 3.3.1.1", "The service receives the transaction id"),
        ("Logging 3.3.1.3", "A request without a transaction id is refused"),
        ("Logging 3.3.1.2", "The record of a delegated connection names the delegator in its source"),
        ("Logging 3.3.1.2", "The record of a delegated service names the delegator in its destination"),
        ("Logging 3.3.1.1, 3.3.1.3", "Without a record the request is refused and the service is not called"),
    ],
    "Inway-Port": [("Core 4.1.1", "The inway answers on port 443 or 8443")],
    "Outway-IncomingRequest": [
        ("Core 4.6.1.2, 3.7", "With a contract the request goes to the inway and its answer comes back"),
        ("Core 4.6.1.3, 4.6.1.4", "Without a contract nothing is sent and an error comes back"),
        ("Core 4.6.1.4", "An inway that cannot be reached gives an error"),
    ],
    "Outway-TransactionLog": [
        ("Logging 3.4.1.1, 2.1", "A record is written before the request goes to the inway"),
        ("Logging 3.4.1.1", "The request to the inway carries the transaction id, and so does the answer"),
        ("Logging 3.4.1.2", "The record of a delegated connection names the delegator in its source"),
        ("Logging 3.4.1.2", "The record of a delegated service names the delegator in its destination"),
        ("Logging 3.4.1.1, 3.4.1.3", "Without a record the request is refused and nothing is sent"),
    ],
    "Integration-ConsumeService": [
        ("Core 3.7", "A service is consumed through outway and inway"),
        ("Core 3.5, 4.6.1.3", "Without a valid contract the outway refuses"),
    ],
    "Integration-ConsumeServiceAsDelegatee": [("Core 3.6.1", "A service is consumed on behalf of another peer")],
    "Integration-ConsumeDelegatedService": [
        ("Core 3.5", "A service that is offered on behalf of another peer is consumed"),
        ("Core 3.6.2", "A delegated service is consumed on behalf of another peer"),
    ],
    "Integration-TransactionLog": [("Logging 2.1, 2.3", "Both parties hold a record with the same transaction id")],
}

SCENARIOS = {
    f"{family}-{number}": {"section": section, "requirement": requirement}
    for family, rows in _FAMILIES.items()
    for number, (section, requirement) in enumerate(rows, 1)
}
