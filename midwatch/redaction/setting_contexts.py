"""Settings and headers in which a secret stands."""

from __future__ import annotations

from midwatch.redaction.contexts import CLOSE, PASS, SIGN, SUFFIX, Test, Value, row

SETTINGS = (
    # settings: NAME=value, "name": "value", name => 'value', and headers whose name says it
    row(
        "password",
        "gitleaks' and detect-secrets' rules",
        "pass",
        PASS + SUFFIX + CLOSE + SIGN,
        Value.SETTING,
        before=rb"(?<!\bch)(?<!\bht)(?<!\bsmb)(?<!\bldap)(?<!\bslap)(?<!\bvnc)",
        reach=8,
    ),
    row(
        "pass",
        "gitleaks' and detect-secrets' rules",
        "pass",
        rb"(?!(?-i:PASS): )pass(?:es|\d{1,2})?" + CLOSE + SIGN,
        Value.SETTING,
        Test.TOKEN,
        rb"(?:^|[\W_]|db|user|ssh|become|ftp|smtp|mail|admin|root|auth|sasl|sql|bind)",
        reach=8,
    ),
    row(
        "pass of a mapping",
        "gitleaks' and detect-secrets' rules",
        "pass: ",
        rb"(?-i:PASS): (?=[^\s/]+(?:\s|$))",
        Value.SETTING,
        Test.RANDOM,
        rb"(?:^|\n)[ \t]*(?:- )?[\w-]*",
    ),
    row("pwd", "gitleaks' and detect-secrets' rules", "pwd", rb"pwd" + SUFFIX + CLOSE + SIGN, Value.SETTING),
    row(
        "pw",
        "gitleaks' and detect-secrets' rules",
        "pw",
        rb"pw" + CLOSE + SIGN,
        Value.SETTING,
        Test.PASSWORD,
        rb"(?:[\W_](?<!\$)|^|root|bind|admin|db|user|ftp|smtp|mail)",
        reach=8,
    ),
    row(
        "secret",
        "gitleaks' and detect-secrets' rules",
        "secret",
        rb"secret(?:[_-]?id(?=\W{1,4}[0-9a-f]{8}-?[0-9a-f]{4}))?" + SUFFIX + CLOSE + SIGN,
        Value.SETTING,
        Test.TOKEN,
    ),
    row(
        "token",
        "gitleaks' and detect-secrets' rules",
        "token",
        rb"token" + SUFFIX + CLOSE + SIGN,
        Value.SETTING,
        Test.TOKEN,
    ),
    row(
        "key",
        "gitleaks' and detect-secrets' rules",
        "key",
        rb"key" + SUFFIX + CLOSE + SIGN,
        Value.SETTING,
        Test.TOKEN,
        rb"(?:api|access|secret|private|account|auth|sign(?:ing|ature)?|encryption|encrypt|master"
        rb"|app(?:lication)?|storage|shared|service"
        rb"|license|integration|routing|session|deploy|pre_?-?shared|consumer|subscription|admin"
        rb"|webhook|jwt|hmac|write|ingest(?:ion)?"
        rb"|client|root|vault|unseal|recovery|cookie|crypt|symmetric|aes|github|stripe|sendgrid"
        rb"|openai|anthropic|datadog"
        rb"|newrelic|mailgun|twilio|huggingface|gcp|azure|aws|rsa|ssh|pgp|gpg|tls|ssl|pem)[_. -]{0,2}",
        reach=24,
    ),
    row(
        "credential",
        "gitleaks' and detect-secrets' rules",
        "credential",
        rb"credentials?" + CLOSE + SIGN,
        Value.SETTING,
        Test.MIXED,
    ),
    row("pre-shared key", "gitleaks' and detect-secrets' rules", "psk", rb"psk" + CLOSE + SIGN, Value.SETTING),
    row(
        "Docker client configuration",
        "Docker: config.json",
        "auth",
        rb"_?auth(?:\\{0,7}\")[ \t]*:[ \t]*(?=\\{0,7}\"[A-Za-z0-9+/_-]{8,}=*\\{0,7}\")",
        Value.SETTING,
    ),
    row("npm configuration", "npm: .npmrc", "_auth", rb"_auth[ \t]*=[ \t]*", Value.SETTING),
    row(
        "signature in an address",
        "Azure Storage: shared access signatures",
        "sig",
        rb"sig(?:nature)?=",
        Value.PATH_PART,
        Test.TOKEN,
        rb"[?&;][\w-]*",
    ),
    row(
        "signature in an address",
        "Azure Storage: shared access signatures",
        "key=|code=",
        rb"(?:key|code)=",
        Value.PATH_PART,
        Test.MIXED,
        rb"https?://[^\s\"'<>]*[?&]",
    ),
    row(
        "password in a call",
        "gitleaks' and detect-secrets' rules",
        "pass|secret|token|key",
        rb"(?:" + PASS + rb"|secret|token|key)" + SUFFIX + rb"\\{0,3}[\"'][ \t]*,[ \t]*(?=\\{0,3}[\"'])",
        Value.WORD,
        Test.PASSWORD,
        rb"(?:define|put|set\w*|property|append|add|header|env\w*)\([ \t]?\\{0,3}[\"'][\w.-]*",
    ),
    row(
        "password told in words",
        "gitleaks' and detect-secrets' rules",
        "password|passphrase|token",
        rb"(?:password|passphrase|token)[ \t]+(?:is|was)(?:[ \t]+now)?:?[ \t]+(?=\S)",
        Value.WORD,
        Test.MIXED,
    ),
    row(
        "prompt with its answer",
        "psql(1), sudo(8)",
        "password for |passphrase for |password of ",
        rb"pass(?:word|phrase) (?:for|of) [^\s:]{1,120}(?: [^\s:]{1,40}){0,3}(?: ?\([^)\n]*\))?: {0,2}(?=\S)",
        Value.SETTING,
    ),
    # headers
    row(
        "Authorization",
        "RFC 9110",
        "authorization",
        rb"authorization\\{0,3}[\"']?[ \t]*(?:[:,]|=>?)[ \t]*(?:\\{0,3}[\"'](?=\S))?[ \t]*"
        rb"(?:(?:bearer|basic|token|apikey|api-key|digest|negotiate|ntlm|ssws|genie ?key"
        rb"|aws4-hmac-sha256|sharedkey|sharedaccesssignature"
        rb"|key|hawk|oauth|discogs|bot|splunk|elastic)[ \t]+)?(?=[^\s\"'])",
        Value.LINE,
        Test.TOKEN,
    ),
    row(
        "Authorization of a directive",
        "nginx: proxy_set_header",
        "authorization ",
        rb"authorization[ \t]+[\"'](?:bearer|basic|token)[ \t]+(?=[^\s\"'$])",
        Value.PATH_PART,
        Test.TOKEN,
    ),
    row(
        "Bearer",
        "RFC 6750",
        "bearer",
        rb"bearer[ \t]{1,4}(?=[A-Za-z0-9._~+/-]{0,64})",
        Value.PATH_PART,
        Test.MIXED,
        rb"(?:^|[^A-Za-z])",
    ),
    row(
        "Set-Cookie",
        "RFC 6265",
        "set-cookie",
        rb"set-cookie2?\\{0,3}[\"']?[ \t]*[:,=][ \t]*(?:\\{0,3}[\"'])?[^\s=;\"']{1,128}=(?=[^\s;])",
        Value.COOKIE,
        Test.ANY,
    ),
    row(
        "Cookie",
        "RFC 6265",
        "cookie",
        rb"cookie\\{0,3}[\"']?[ \t]*:[ \t]*(?:\\{0,3}[\"'])?(?=[^\s=;\"']{1,128}=[^\s;])",
        Value.LINE,
        Test.ANY,
        rb"(?:^|[\s\"'>])",
    ),
    row(
        "cookie option",
        "curl(1)",
        "--cookie|-b ",
        rb"(?:--cookie|-b)[= ][ \t]*[\"']?(?=[^\s=;\"']{1,128}=[^\s;])",
        Value.LINE,
        Test.ANY,
        rb"\bcurl\b[^\n|;&]*?\s",
    ),
)
