//! Known defects and contradictions of FSC Core 2.0.0 and Logging 1.1.0, and the one place where each is dealt with.
//! Documentation only; the tests named here fail when the place stops doing so.
//!
//! | defect | here | place and test |
//! |---|---|---|
//! | §4.2.5 step 8 gives a connection's hash as `$1$2$`; the table of §4.2.6.1 says 3. Two numberings, one apart | the table | [`hash`](super::hash): `each_grant_type_has_the_hash_type_one_above_it` |
//! | §4.2.5 step 3 "append to the content hash": the prefixed string, or the bytes of the digest? | both are computed, either is accepted, the string is sent | [`hash::GrantHashes`](super::hash::GrantHashes): `the_example_contract_has_the_agreed_hashes`, `a_token_is_issued_for_the_hash_that_was_asked` |
//! | Examples of hashes use base64 with `+` and `/`, the text prescribes base64url | hashes strictly, thumbprints in a foreign token tolerantly | `an_unknown_algorithm_is_told_apart_from_a_wrong_form`, `what_other_managers_write_is_tolerated` |
//! | The example contract has `fsc_version` 1.0.0 and lacks `service.type` | 2.0.0 only, `type` required | [`content`](super::content): `another_version_or_hash_algorithm_has_its_own_refusal`, `a_member_of_the_wrong_form_is_named` |
//! | Limits of service names and peer ids differ between §4.2.1.1, manager.yaml and logging.yaml | read by the text, written within all | [`builder`](super::builder): `names_that_the_schema_does_not_allow_are_not_sent` |
//! | `service.delegator` must sign a plain connection (§3.5, §4.2.3), but is not in the list of §4.2.1.3 | must sign | [`GrantData::parties`](super::grant::GrantData::parties): `all_four_grants_are_read_with_their_signatories` |
//! | Who offers a contract: §4.2.1.1 to §4.2.1.4 name one peer, §3.2.1 any | any peer on the contract | [`validation`](super::validation): `a_contract_by_the_book_is_let_through_whoever_on_it_submits` |
//! | Figure 3 calls a proposal past its end rejected | expired | [`state`](super::state): `validity_starts_at_not_before_and_ends_at_not_after` |
//! | Signatures of strangers only SHOULD be refused (§4.2.3) | they do not count | `signatures_of_strangers_do_not_count` |
//! | Hexadecimal case of the public-key thumbprint is not prescribed | written lower, compared as bytes | `thumbprints_are_compared_without_regard_to_case_and_names_as_dns_does` |
//! | §4.3.1 contradicts itself on `act.sub`; Logging §3.1.1 uses a claim `cdi` that does not exist | `sub` connects, `act.sub` delegates, `cdi` is ignored | [`token::AccessTokenClaims`](super::token::AccessTokenClaims): `claims_have_the_names_of_the_standard`, `what_other_managers_write_is_tolerated` |
//! | `x5t#s256` in manager.yaml, `x5t#S256` in JOSE | written as JOSE, both read | `what_other_managers_write_is_tolerated` |
//! | No lifetime of tokens, no revocation of them | short, never past the contract's end; the contract per request is a rule of the profile | [`token::issue`](super::token::issue): `no_token_outlives_its_contract` |
//! | No mapping from the rules for issuing to RFC 6749 errors; a suite's wording lets a revoked contract yield a token | the mapping here; `invalid_grant` | `each_rule_for_issuing_has_its_error` |
//! | `Fsc-Authorization` "contains the access token": with `Bearer` or without? | written with, both read | [`token::access_token`](super::token::access_token): `the_token_is_found_with_and_without_its_scheme` |
//! | §4.4.5.2 binds codes to an enum of manager.yaml that lacks three of §4.4.5.3 and has two others | the text is written, both are read | [`error::ErrorCode`](super::error::ErrorCode): `names_that_only_the_schema_still_has_are_read` |
//! | No codes for a used `iv`, a creation time in the future, an expired validity, too many grants, an unknown service | 422 and a code of our own | [`refusal`](super::refusal): `every_refusal_says_what_to_do_in_both_languages` |
//! | An unknown algorithm in the prefix of any hash has a code (§4.4.5.3) | in path, signature and filter too | `the_hash_in_the_path_must_be_the_contents`, `payloads_of_another_form_are_refused`, `a_hash_of_an_unknown_algorithm_has_the_code_of_the_standard` |
//! | `serviceListing` requires a `type` that it does not define | written in both places, read in either | [`wire::ServiceListing`](super::wire::ServiceListing): `the_type_of_a_listed_service_is_read_in_either_place` |
//! | A default sort order stands in Core's yaml only; `next_cursor` is required in Logging's only | newest first, always written, either read | [`query`](super::query): `without_parameters_the_newest_come_first`; [`wire`](super::wire): `what_foreign_managers_leave_out_is_tolerated` |
//! | Version 1 named the member `contract_content` | told which version is spoken | [`wire::SignatureRequest`](super::wire::SignatureRequest): `a_request_that_is_not_one_is_told_what_it_lacks` |
//!
//! A test that validates our messages against manager.yaml needs these changes to it: `const` per type in the `oneOf`
//! of grants, services, outway identifications and log sources; no `oneOf` on JWKs and no fixed length of
//! `ecPublicKey.y`; the missing error codes; `fscVersion` 2.0.0 and `loggingVersion` 1.1.0.
