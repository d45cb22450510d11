"""The index of attacks: each row of the catalogue, and the tests that show it is answered.

A row is an attack on tokens that has happened or that a standard names: A is signatures and keys,
B the header, C encoding, D claims, E the transport. Sessions and stores, row F, have their own
tests in tests/stores and tests/sessions. The names are checked against the files, so a test that is
renamed or deleted can't leave a row without proof.
"""

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
LAST: Final = {"A": 19, "B": 9, "C": 7, "D": 8, "E": 18}
ROWS: Final = [
    f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)
]

PROOF: Final[dict[str, tuple[str, list[str]]]] = {
    # signature and algorithm
    "A1": (
        "alg: none, in any spelling; no signature",
        [
            "jose/test_jws.py::test_a1_alg_must_equal_the_keys",
            "jose/test_jws.py::test_a1_escaped_alg_is_the_same_text",
            "jose/test_jws.py::test_a1_empty_signature",
            "jose/test_algorithms.py::test_no_other_name",
            "keys/test_ring.py::test_a1_an_alg_is_one_of_the_keys",
            "test_hostile_requests.py::test_any_request",
        ],
    ),
    "A2": (
        "a public key used as an HMAC secret",
        [
            "jose/test_disguises.py::test_a2_public_key_as_hmac_secret",
            "jose/test_jwk.py::test_a2_secret_for_an_algorithm_with_pairs",
            "jose/test_jwk.py::test_a2_key_pair_for_hmac",
            "jose/test_jws.py::test_a2_forged_with_the_public_key",
            "keys/test_ring.py::test_a2_alg_never_chooses_between_families",
            "keys/test_given.py::test_a2_a_public_key_is_no_secret",
            "keys/test_loaded.py::test_a2_an_alg_of_the_wrong_family_is_the_tokens_fault",
            "keys/test_ring.py::test_a2_a_ring_of_one_kind",
            "keys/test_ring.py::test_a2_no_alg_chooses_between_a_nameless_secret_and_a_pem",
            "keys/test_sources.py::test_a2_strict_takes_no_secret_beside_public_keys",
            "keys/test_loaded.py::test_a2_a_loader_may_not_mix_secrets_and_public_keys_in_strict",
            "options/test_together.py::test_a2_a_list_for_a_key_ring_is_the_whole_list",
            "test_strict_profile.py::test_mixed_algorithms",
            "test_hostile_requests.py::test_key_that_does_not_fit_the_token",
            "test_hostile_requests.py::test_loader_that_goes_by_alg_where_one_family_is_taken",
        ],
    ),
    "A3": (
        "an allow-list read as text, another algorithm run",
        [
            "jose/test_jws.py::test_a3_stated_algorithm_of_another_key",
            "jwt/test_verify.py::test_a3_the_named_key_keeps_its_algorithm",
            "engine/test_own_keys.py::test_a3_a_list_of_algorithms_is_for_the_key_ring_too",
            "keys/test_sources.py::test_a3_the_list_of_algorithms_counts",
        ],
    ),
    "A4": (
        "the algorithm of a JWK without alg taken from the token",
        [
            "jose/test_jwk.py::test_a4_jwk_without_algorithm",
            "jose/test_jwk.py::test_a4_curve_leaves_no_choice",
            "jose/test_jwk.py::test_a4_rsa_and_ed_keys_need_a_name",
        ],
    ),
    "A5": (
        "a weak HMAC secret, one that is left out, one that two managers share",
        [
            "jose/test_jwk.py::test_a5_short_secret",
            "jose/test_weak_keys.py::test_a5_guessable_secret",
            "jose/test_weak_keys.py::test_a5_generated_secrets_are_strong",
            "jose/test_weak_keys.py::test_a5_length_and_guessability_are_told_apart",
            "keys/test_given.py::test_a5_a_weak_secret",
            "keys/test_given.py::test_a_weak_key_object_is_refused_in_strict_too",
            "keys/test_given.py::test_a5_a_malformed_member_of_a_set_of_secrets",
            "keys/test_given.py::test_a5_a_weak_member_of_a_set_of_secrets",
            "flask/test_installation.py::test_a5_two_managers_with_one_secret",
            "flask/test_installation.py::test_a5_one_secret_by_a_change_of_options",
            "test_strict_profile.py::test_weak_secret",
        ],
    ),
    "A6": (
        "an empty HMAC key",
        [
            "jose/test_jwk.py::test_a6_empty_or_no_secret",
            "jose/test_jwk_members.py::test_a6_empty_or_no_k",
        ],
    ),
    "A7": (
        "a weak RSA key: short, a bad exponent, ROCA",
        [
            "jose/test_algorithms.py::test_a7_short_rsa",
            "jose/test_algorithms.py::test_a7_bad_exponent",
            "jose/test_algorithms.py::test_a7_own_key_needs_a_large_exponent",
            "jose/test_algorithms.py::test_a7_modulus_too_short_for_the_signature",
            "jose/test_algorithms.py::test_a7_modulus_that_no_signature_fits",
            "jose/test_weak_keys.py::test_a7_roca_key_pair",
            "keys/test_given.py::test_a7_a_weak_rsa_key",
        ],
    ),
    "A8": (
        "lax PKCS#1 v1.5 padding",
        [
            "jose/test_algorithms.py::test_a8_modified_padding",
            "jose/test_algorithms.py::test_a8_signature_beyond_the_modulus",
        ],
    ),
    "A9": (
        "PSS with another salt, mask or hash; one padding for the other",
        [
            "jose/test_algorithms.py::test_a9_salt_of_another_length",
            "jose/test_algorithms.py::test_a9_mask_and_hash",
            "jose/test_algorithms.py::test_a9_padding_of_the_other_kind",
        ],
    ),
    "A10": (
        "ECDSA with r = s = 0 and other edge values",
        [
            "jose/test_algorithms.py::test_a10_edge_values",
            "jose/test_algorithms.py::test_a10_parts_beyond_the_order",
        ],
    ),
    "A11": (
        "a DER signature, parts of another length",
        [
            "jose/test_algorithms.py::test_a11_der_signature",
            "jose/test_algorithms.py::test_a11_parts_of_another_length",
        ],
    ),
    "A12": (
        "ECDSA malleability, which is no forgery: accepted",
        ["jose/test_algorithms.py::test_a12_malleability_is_accepted"],
    ),
    "A13": (
        "a point off the curve, a curve or kty of another algorithm",
        [
            "jose/test_jwk_members.py::test_a13_bad_ec_key",
            "jose/test_jwk_members.py::test_a13_bad_okp_key",
            "jose/test_jwk.py::test_a13_keys_of_no_algorithm",
            "jose/test_weak_keys.py::test_a13_ed25519_point_off_the_curve",
        ],
    ),
    "A14": (
        "EdDSA with S beyond L, keys of small order",
        [
            "jose/test_algorithms.py::test_a14_large_s",
            "jose/test_weak_keys.py::test_a14_small_order_ed25519",
            "jose/test_weak_keys.py::test_a14_small_order_ed448",
            "jose/test_algorithms.py::test_a14_one_curve_for_another",
        ],
    ),
    "A15": (
        "a truncated MAC, a comparison that leaks time",
        [
            "jose/test_algorithms.py::test_a15_truncated_or_extended_mac",
            "jose/test_algorithms.py::test_a15_compares_in_constant_time",
        ],
    ),
    "A16": (
        "use, key_ops and alg of a JWK ignored",
        [
            "jose/test_jwk.py::test_a16_key_for_another_use",
            "jose/test_jwk.py::test_a16_key_for_verifying_does_not_sign",
            "jose/test_jwk.py::test_a16_alg_must_agree",
        ],
    ),
    "A17": (
        "a set with a kid twice, mixed families, no keys, or private members published",
        [
            "keys/test_ring.py::test_a17_a_ring_that_is_none",
            "jose/test_jwk_members.py::test_public_jwk_has_no_private_member",
        ],
    ),
    "A18": (
        "what is no file among the files of keys, or a folder of keys that others may write",
        [
            "keys/test_files.py::test_a18_what_is_no_file_is_skipped_with_its_name",
            "keys/test_files.py::test_a18_a_path_of_keys_that_is_no_file_is_refused_with_its_name",
            "keys/test_files.py::test_a18_a_fifo_that_takes_the_place_of_a_file_is_not_waited_for",
            "keys/test_files.py::test_a18_a_folder_that_others_may_write_is_refused",
            "keys/test_files.py::test_a18_a_folder_of_another_user_is_refused",
        ],
    ),
    "A19": (
        "a place of keys that hangs, and a fork while a thread reads them or holds a lock",
        [
            "keys/test_live.py::test_a19_a_source_that_hangs_costs_one_wait_in_an_outage",
            "keys/test_live.py::test_a19_all_that_come_while_the_keys_are_old_wait_once_together",
            "keys/test_live.py::test_a19_a_source_that_fails_slowly_costs_one_wait_in_an_outage",
            "keys/test_live.py::test_a19_without_any_keys_a_source_that_hangs_is_a_503",
            "keys/test_live.py::test_a19_without_any_keys_a_source_that_fails_slowly_is_asked_once_in_a_second",
            "keys/test_live.py::test_a19_readings_that_never_end_do_not_fill_a_server_with_threads",
            "keys/test_live.py::test_a19_a_fork_while_another_thread_reads_leaves_a_child_that_reads",
            "test_forks.py::test_a_fork_while_another_thread_holds_the_lock_stops_no_child",
            "test_forks.py::test_the_package_has_no_other_lock",
        ],
    ),
    # the header
    "B1": (
        "a key that the token brings along (jwk)",
        [
            "jose/test_jws.py::test_b1_b2_b4_b5_member_that_refuses",
            "jose/test_jws.py::test_b1_embedded_key_that_signed",
            "jwt/test_encode.py::test_b1_no_header_that_brings_a_key",
        ],
    ),
    "B2": (
        "a key to fetch from where the token says (jku, x5u), or from where nobody is proved",
        [
            "jose/test_jws.py::test_b1_b2_b4_b5_member_that_refuses",
            "keys/test_urls.py::test_b2_every_other_url_is_refused",
            "keys/test_urls.py::test_b2_http_to_other_machines_is_a_choice",
            "keys/test_urls.py::test_b2_the_keys_come_no_less_safely_than_the_metadata",
            "engine/test_issuers.py::test_b2_an_issuer_inside_a_network",
            "engine/test_issuers.py::test_b2_an_inner_issuer_is_discovered",
        ],
    ),
    "B3": (
        "a kid that is a path, SQL, huge, or of another type",
        [
            "jose/test_jws.py::test_b3_bad_kid",
            "jose/test_jws.py::test_b3_kid_is_only_a_text",
            "jose/test_jwk.py::test_b3_bad_kid",
            "keys/test_ring.py::test_b3_an_unknown_kid_is_refused_and_no_other_key_tried",
            "keys/test_ring.py::test_b3_a_key_to_which_no_name_was_given",
            "keys/test_ring.py::test_b3_a_key_to_which_a_name_was_given",
            "keys/test_given.py::test_b3_the_kid_of_an_issuer_on_the_tokens_of_a_pem",
            "keys/test_given.py::test_b3_a_key_that_was_given_a_kid_refuses_another",
        ],
    ),
    "B4": ("crit", ["jose/test_jws.py::test_b1_b2_b4_b5_member_that_refuses"]),
    "B5": ("b64: false", ["jose/test_jws.py::test_b1_b2_b4_b5_member_that_refuses"]),
    "B6": (
        "a header member twice",
        ["jose/test_jws.py::test_b6_b7_header_that_is_no_strict_json"],
    ),
    "B7": (
        "a header that is no strict JSON object",
        [
            "jose/test_jws.py::test_b6_b7_header_that_is_no_strict_json",
            "jose/test_jws.py::test_b7_header_limits_are_exact",
            "test_hostile_requests.py::test_nearly_good_token",
        ],
    ),
    "B8": (
        "typ of another kind of token; zip",
        [
            "test_view_decorators.py::test_strict_asks_for_the_typ_of_the_type",
            "test_view_decorators.py::test_typ_is_a_media_type",
            "test_view_decorators.py::test_explicit_typ_without_strict",
            "test_strict_profile.py::test_strict_round_trip",
            "jose/test_jws.py::test_b1_b2_b4_b5_member_that_refuses",
            "jose/test_jws.py::test_b8_a_media_type_is_a_text",
            "engine/test_issuers.py::test_b8_a_typ_that_is_no_text",
            "engine/test_issuers.py::test_b8_strict_asks_what_marks_an_access_token",
            "test_strict_profile.py::test_token_that_none_takes",
        ],
    ),
    "B9": (
        "a harmless member that nobody knows: ignored",
        [
            "jose/test_jws.py::test_b9_harmless_member_is_ignored",
            "test_strict_profile.py::test_token_that_both_take",
        ],
    ),
    # encoding and structure
    "C1": (
        "base64url written in another way",
        [
            "jose/test_jws.py::test_c1_segment_that_is_not_canonical",
            "jose/test_jws.py::test_c1_stray_bits",
            "jose/test_base64url.py::test_decodes_exactly_the_canonical_texts",
            "jwt/test_verify.py::test_one_changed_character_is_refused",
            "test_hostile_requests.py::test_nearly_good_token",
        ],
    ),
    "C2": (
        "too few segments, too many, 100 000 dots",
        [
            "jose/test_jws.py::test_c2_c3_c4_c7_not_three_segments",
            "jose/test_jws.py::test_c2_a_signed_header_is_no_token",
            "jose/test_jws.py::test_c2_c6_long_text",
            "jose/test_jws.py::test_c2_many_dots_within_the_limit",
            "test_hostile_requests.py::test_a_megabyte_is_refused_unread",
        ],
    ),
    "C3": (
        "the JSON serialization",
        ["jose/test_jws.py::test_c2_c3_c4_c7_not_three_segments"],
    ),
    "C4": (
        "JWE in place of JWS",
        [
            "jose/test_jws.py::test_c2_c3_c4_c7_not_three_segments",
            "jose/test_algorithms.py::test_table_is_what_the_rfcs_register",
        ],
    ),
    "C5": (
        "a payload that is no strict JSON object",
        [
            "jose/test_jws.py::test_c5_c6_payload_that_is_no_strict_json",
            "jwt/test_encode.py::test_c5_no_half_of_a_pair",
            "jwt/test_encode.py::test_c5_no_name_twice",
        ],
    ),
    "C6": (
        "deep, huge, or many: what costs before it is refused",
        [
            "jose/test_jws.py::test_c6_length_limit_is_exact",
            "jose/test_jws.py::test_c6_payload_is_not_read_before_the_signature",
            "jose/test_jws.py::test_c6_payload_limits_are_exact",
            "jose/test_jws.py::test_c5_c6_payload_that_is_no_strict_json",
            "jose/test_strict_json.py::test_c6_depth_is_read_no_further_than_the_limit",
            "jwt/test_verify.py::test_c6_the_signature_comes_before_the_payload",
            "test_hostile_requests.py::test_a_megabyte_is_refused_unread",
            "test_hostile_requests.py::test_payload_is_not_parsed_before_the_signature",
        ],
    ),
    "C7": (
        "what is not ASCII in a token",
        [
            "jose/test_jws.py::test_c2_c3_c4_c7_not_three_segments",
            "jose/test_jws.py::test_any_text_is_parsed_or_refused",
            "flask/test_credentials.py::test_header_form",
            "flask/test_credentials.py::test_query_string_of_raw_bytes",
            "test_hostile_requests.py::test_any_request",
        ],
    ),
    # the claims
    "D1": (
        "times that are no finite numbers",
        [
            "jwt/test_claims.py::test_d1_only_a_finite_number_is_a_time",
            "jwt/test_claims.py::test_d1_the_last_second",
            "jwt/test_claims.py::test_d1_a_negative_start_is_no_time",
        ],
    ),
    "D2": (
        "exp equal to now",
        [
            "jwt/test_claims.py::test_d2_a_token_lives_while_now_is_before_exp",
            "test_strict_profile.py::test_leeway",
        ],
    ),
    "D3": (
        "no exp",
        [
            "jwt/test_claims.py::test_d3_a_token_without_exp_lives_for_ever_unless_exp_is_required",
            "test_strict_profile.py::test_token_that_only_the_drop_in_takes",
        ],
    ),
    "D4": (
        "another audience, a part of it, another type",
        [
            "jwt/test_claims.py::test_d4_an_audience_is_a_text_or_a_list_of_texts",
            "jwt/test_claims.py::test_d4_an_audience_is_compared_whole",
            "jwt/test_claims.py::test_d4_a_token_for_others_where_no_audience_is_ours",
            "options/test_together.py::test_d4_the_audience_of_our_own_tokens_is_known",
            "test_strict_profile.py::test_token_that_only_the_drop_in_takes",
            "flask/test_answers.py::test_default_answer",
        ],
    ),
    "D5": (
        "another issuer, a part of it, another type",
        [
            "jwt/test_claims.py::test_d5_a_part_of_an_issuer_is_not_the_issuer",
            "jwt/test_claims.py::test_d5_an_issuer_is_a_text",
            "flask/test_answers.py::test_default_answer",
        ],
    ),
    "D6": (
        "sub and jti that are no short texts",
        [
            "jwt/test_claims.py::test_d6_the_kinds_of_subject",
            "jwt/test_claims.py::test_d6_a_jti_is_a_text",
            "jwt/test_claims.py::test_d6_bounded_ids",
            "jwt/test_claims.py::test_d6_bounded_ids_ask_for_a_jti",
            "test_strict_profile.py::test_token_that_only_the_drop_in_takes",
        ],
    ),
    "D7": (
        "one kind of token for another; a token that is bound to a key, without the proof",
        [
            "test_view_decorators.py::test_type",
            "test_view_decorators.py::test_strict_takes_the_exact_type_only",
            "test_view_decorators.py::test_type_missing",
            "test_view_decorators.py::test_any_type_is_one_of_ours_where_the_type_is_required",
            "test_internal_utils.py::test_d7_strict_types",
            "engine/test_rule.py::test_d7_a_bound_token_without_its_proof",
            "engine/test_issuers.py::test_d7_a_bound_token_of_another_issuer",
            "flask/test_endpoints.py::test_d7_a_bound_refresh_token_refreshes_nothing",
            "flask/test_oauth.py::test_a_bound_token_is_inactive_unless_bound_tokens_are_taken",
        ],
    ),
    "D8": (
        "fresh as a text, or for ever",
        [
            "jwt/test_claims.py::test_d8_fresh_is_a_flag_or_a_time",
            "jwt/test_claims.py::test_d8_fresh_is_nothing_else",
            "test_view_decorators.py::test_fresh_claim",
            "test_view_decorators.py::test_fresh_of_another_type",
            "test_view_decorators.py::test_fresh_beyond_the_expiry",
        ],
    ),
    # the transport
    "E1": (
        "several Authorization fields, or a list in one",
        [
            "flask/test_credentials.py::test_several_fields",
            "flask/test_credentials.py::test_strict_refuses_a_list",
        ],
    ),
    "E2": (
        "the scheme's case; tabs and other blanks after it",
        [
            "flask/test_credentials.py::test_header_form",
            "flask/test_credentials.py::test_strict_header_form",
        ],
    ),
    "E3": (
        "a token where none is expected, or at two places",
        [
            "flask/test_credentials.py::test_token_elsewhere_is_not_read",
            "flask/test_credentials.py::test_strict_refuses_tokens_at_two_locations",
            "flask/test_credentials.py::test_strict_header_beside_a_cookie",
            "flask/test_credentials.py::test_strict_header_beside_a_cookie_needs_no_csrf_value",
            "flask/test_credentials.py::test_strict_refuses_a_parameter_twice",
        ],
    ),
    "E4": (
        "a token in a URL",
        [
            "flask/test_credentials.py::test_query_string_is_off_by_default",
            "flask/test_credentials.py::test_query_string_marks_the_answer",
            "flask/test_credentials.py::test_query_string_never_takes_a_refresh_token",
        ],
    ),
    "E5": (
        "a JSON body that is no object, a token that is no text",
        [
            "flask/test_credentials.py::test_json",
            "test_hostile_requests.py::test_broken_bodies",
        ],
    ),
    "E6": (
        "cross-site request forgery",
        [
            "flask/test_csrf.py::test_value",
            "flask/test_csrf.py::test_claim_of_another_type",
            "jwt/test_claims.py::test_e6_csrf_compares_in_constant_time",
            "flask/test_csrf.py::test_value_of_another_session",
            "flask/test_csrf.py::test_cookie_of_the_value_is_not_the_proof",
            "flask/test_csrf.py::test_strict_asks_on_every_unsafe_method",
            "flask/test_csrf.py::test_origin",
            "flask/test_csrf.py::test_trusted_origins",
            "flask/test_renewal.py::test_a_forged_form_renews_nothing",
            "flask/test_renewal.py::test_a_form_from_another_site_renews_nothing",
            "flask/test_csrf.py::test_ports_belong_to_the_origin",
        ],
    ),
    "E7": (
        "a cookie planted by a sub-domain",
        [
            "flask/test_credentials.py::test_tossed_cookie",
            "flask/test_credentials.py::test_strict_passes_over_expired_cookies_of_the_same_subject",
            "flask/test_renewal.py::test_cookies_of_two_persons_are_not_mixed",
            "flask/test_endpoints.py::test_a_log_in_replaces_planted_cookies",
            "flask/test_cookies.py::test_strict_attributes",
            "flask/test_cookies.py::test_domain_argument_breaks_the_promise_of_host",
            "options/test_together.py::test_e8_a_host_cookie_is_for_one_host_and_all_of_it",
        ],
    ),
    "E8": (
        "a cookie's flags, path and size",
        [
            "flask/test_cookies.py::test_strict_attributes",
            "flask/test_cookies.py::test_refresh_cookie_goes_to_its_path_only",
            "flask/test_cookies.py::test_cookie_too_large",
            "flask/test_cookies.py::test_prefix_that_a_browser_would_refuse",
        ],
    ),
    "E9": (
        "OPTIONS runs the view",
        [
            "flask/test_credentials.py::test_options",
            "flask/test_credentials.py::test_strict_answers_a_preflight_for_the_view",
            "flask/test_credentials.py::test_an_options_request_reaches_the_view",
            "flask/test_credentials.py::test_a_preflight_does_not_reach_an_async_view_or_a_class",
        ],
    ),
    "E10": (
        "a bad token taken for none",
        [
            "test_view_decorators.py::test_optional_with_a_bad_token",
            "test_view_decorators.py::test_optional_with_a_token_that_the_application_refuses",
            "test_view_decorators.py::test_refusal_by_a_loader_is_no_missing_token",
            "flask/test_csrf.py::test_optional_guard_needs_the_value_too",
        ],
    ),
    "E11": (
        "a token repeated in an answer, a message or a log",
        [
            "flask/test_answers.py::test_challenge",
            "flask/test_answers.py::test_nothing_of_the_token_is_repeated",
            "flask/test_answers.py::test_no_claim_is_repeated",
            "flask/test_answers.py::test_no_header_is_repeated",
            "flask/test_answers.py::test_no_piece_of_broken_json_is_repeated",
            "flask/test_answers.py::test_any_token_is_kept_secret",
            "jose/test_jws.py::test_messages_hold_no_piece_of_the_token",
            "test_exceptions.py::test_e11_an_error_prints_no_claim",
        ],
    ),
    "E12": (
        "an open redirect by ?next=",
        [
            "examples/auth_service/test_local_path.py::test_a_path_of_this_host_is_kept",
            "examples/auth_service/test_local_path.py::test_anything_else_falls_back",
        ],
    ),
    "E13": (
        "a location that costs before it is refused: long, or of many parts",
        [
            "flask/test_credentials.py::test_a_long_header_is_measured_before_it_is_split",
            "flask/test_credentials.py::test_a_long_query_string_is_measured_before_it_is_split",
            "flask/test_credentials.py::test_long_cookies_are_measured_before_they_are_split",
            "flask/test_credentials.py::test_not_every_one_of_many_cookies_is_verified",
            "flask/test_credentials.py::test_a_long_body_is_measured_before_it_is_parsed",
            "flask/test_credentials.py::test_a_long_form_is_measured_before_its_csrf_value_is_looked_for",
            "test_fuzzing.py::test_every_answer_is_the_expected_one",
        ],
    ),
    "E14": (
        "a body that costs, or breaks a parser, at a ready-made endpoint",
        [
            "flask/test_bounded.py::test_the_bound_of_a_body_is_exact",
            "flask/test_bounded.py::test_a_long_body_is_not_read",
            "flask/test_bounded.py::test_whoever_reads_a_bounded_body_reads_no_more",
            "flask/test_bounded.py::test_fields_of_a_form_are_counted_before_they_are_made",
            "flask/test_endpoints.py::test_json_that_cannot_be_read_has_no_user",
            "flask/test_endpoints.py::test_a_long_body_is_refused_at_every_endpoint",
            "flask/test_endpoints.py::test_a_chunked_body_is_refused_where_it_is_too_long",
            "flask/test_endpoints.py::test_what_is_no_text_is_no_label",
            "flask/test_endpoints.py::test_a_query_string_of_any_bytes_is_read",
            "flask/test_oauth.py::test_a_wrong_client_has_no_body_read",
            "flask/test_oauth.py::test_a_long_body_is_refused_unread",
            "flask/test_oauth.py::test_a_form_of_another_type_is_refused",
            "flask/test_oauth.py::test_whoever_is_no_client_is_refused",
            "flask/test_well_known.py::test_a_long_list_of_conditions_is_not_taken_apart",
            "test_fuzzing.py::test_every_answer_is_the_expected_one",
            "test_described_endpoints.py::test_every_answer_is_as_described",
        ],
    ),
    "E15": (
        "a member of a JSON body twice",
        [
            "flask/test_bounded.py::test_a_name_that_stands_twice_is_seen",
            "flask/test_credentials.py::test_strict_refuses_a_member_twice",
        ],
    ),
    "E16": (
        "control characters of a label, a user agent or a subject in a terminal, a log or a page",
        [
            "sessions/test_printable.py::test_nothing_is_obeyed",
            "cli/test_cli.py::test_a_terminal_obeys_no_client",
            "sessions/test_last_seen.py::test_a_failure_is_one_line_of_the_log",
            "examples/auth_service/test_pages.py::test_no_client_turns_a_line_of_the_sessions_page",
        ],
    ),
    "E17": (
        "a blocklist that does not answer lets a token in, or is an error of the server",
        [
            "stores/test_outages.py::test_a_server_that_is_not_there_is_an_outage",
            "stores/test_outages.py::test_a_mistake_is_no_outage",
            "engine/test_confirm.py::test_a_blocklist_that_does_not_answer",
            "flask/test_answers.py::test_a_blocklist_that_does_not_answer",
        ],
    ),
    "E18": (
        "tokens of an issuer that hangs hold every thread of a server",
        [
            "keys/test_remote.py::test_e18_a_stampede_holds_four_threads",
            "keys/test_remote.py::test_e18_in_an_outage_one_request_waits_and_not_for_long",
            "keys/test_remote.py::test_e18_nobody_waits_beyond_the_time_of_a_fetch",
            "keys/test_remote.py::test_e18_fetches_that_never_end_do_not_fill_a_server_with_threads",
            "keys/test_remote.py::test_few_requests_wait_for_an_unknown_name",
            "scenarios/test_jwks.py::test_e18_jwks_hang",
        ],
    ),
}


@cache
def functions_of(path: str) -> frozenset[str]:
    """The test functions of a file, read and not imported."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


def test_every_row_has_its_proof() -> None:
    """The index has exactly the rows of the catalogue, in their order, and none is empty."""
    assert list(PROOF) == ROWS
    assert all(attack and proofs for attack, proofs in PROOF.values())


@pytest.mark.parametrize("row", ROWS)
def test_proof_is_there(row: str) -> None:
    """Each test that a row names stands in the file that it names, once in the row."""
    _attack, proofs = PROOF[row]
    assert len(set(proofs)) == len(proofs)
    for proof in proofs:
        path, _, name = proof.partition("::")
        assert name in functions_of(path), proof


def test_a_missing_test_would_be_found() -> None:
    """The check reads the files: it does not believe a name."""
    assert "test_a_missing_test_would_be_found" in functions_of("test_security_rows.py")
    assert "test_that_nobody_wrote" not in functions_of("test_security_rows.py")
