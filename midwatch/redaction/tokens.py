"""Tokens that are secret as a whole: how they begin, which characters follow, and who publishes the format.

One row a format. The patterns are written here; the facts (prefix, alphabet, length) are what the maker of the token publishes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from string import ascii_letters

_WORD = r"[A-Za-z0-9_]"
_DASHED = r"[A-Za-z0-9_-]"
_DOTTED = r"[A-Za-z0-9_.-]"
_BASE64 = r"[A-Za-z0-9+/=_-]"
_LONGEST_BYTES = 512
_LONGEST_BODY_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Token:
    """A format of tokens."""

    name: str
    begins: tuple[bytes, ...]
    """Literal beginnings, in the case in which they are written."""
    characters: re.Pattern[bytes]
    """The longest run of what may belong to such a token, from its beginning on."""
    complete: re.Pattern[bytes]
    """What a run begins with when it is one."""
    exact: bool
    """Whether a longer run is none."""
    longest: int
    """Bytes after which an unfinished one is given up."""
    glued: bool
    """Whether a letter or digit may stand directly before."""


def _token(
    name: str,
    begins: str,
    body: str,
    characters: str = _DASHED,
    *,
    exact: bool = False,
    longest: int = _LONGEST_BYTES,
    glued: bool = False,
) -> Token:
    """`begins`: alternatives, parted by blanks. `body`: what has to follow one of them."""
    heads = tuple(head.encode() for head in begins.split())
    start = b"(?:" + b"|".join(re.escape(head) for head in heads) + b")"
    run = re.compile(start + characters.encode() + b"{0,%d}" % _LONGEST_BODY_BYTES)
    return Token(name, heads, run, re.compile(start + body.encode()), exact, longest, glued)


def _plain(name: str, begins: str, least: int, characters: str = _DASHED) -> Token:
    """A prefix and at least so many characters."""
    return _token(name, begins, characters + "{" + str(least) + "}", characters)


_HEX = "[0-9a-f]"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

_THREE_DIGITS = " ".join(b64encode(b"%d" % number).decode() for number in range(100, 1000))
"""Of the number of an account, in base64."""

TOKENS = (
    # clouds and hosting
    _token("AWS access key", "AKIA ASIA ABIA ACCA", "[A-Z0-9]{16}", "[A-Za-z0-9]", exact=True),
    _plain("AWS session token", "IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz", 32, _BASE64),
    _plain("AWS Bedrock key", "ABSKQmVkcm9ja0FQSUtleS", 32, _BASE64),
    _plain("Google API key", "AIza", 30),
    _plain("Google OAuth access token", "ya29.", 20, _DOTTED),
    _plain("Google OAuth client secret", "GOCSPX-", 20),
    _token("Google refresh token", "1//0", "[A-Za-z0-9_-]{30}", _DASHED),
    _token("Azure client secret", " ".join(f"{n}Q~" for n in range(10)), r"[\w.~-]{28}", r"[\w.~-]", glued=True),
    _plain("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", 32, "[a-f0-9]"),
    _plain("Alibaba", "LTAI", 16, "[A-Za-z0-9]"),
    _plain("Tencent", "AKID", 28, "[A-Za-z0-9]"),
    _plain("Yandex", "AQVN y0_Ag t1.9", 30, _DOTTED),
    _plain("Heroku", "HRKU-", 30),
    _token("Fly.io", "FlyV1", r" fm\d[a-z]?_[A-Za-z0-9+/=]{20}", r"[A-Za-z0-9+/=_, ]"),
    _plain("Fly.io", "fo1_ fm1r_ fm2_", 24, _BASE64),
    _plain("Planetscale", "pscale_tkn_ pscale_pw_ pscale_oauth_", 20, _DOTTED),
    _plain("Supabase", "sbp_ sb_secret_", 20),
    _plain("Neon", "napi_", 32, "[a-z0-9]"),
    _plain("Render", "rnd_", 24, "[A-Za-z0-9]"),
    _plain("Vercel", "vercel_blob_rw_ vcp_ vca_", 20),
    _plain("Netlify", "nfp_ nfc_", 30),
    _plain("Cloudflare origin key", "v1.0-", 100),
    _plain("Tailscale", "tskey-", 16),
    _plain("Scalingo", "tk-us-", 40),
    _plain("Databricks", "dapi", 32, "[a-f0-9-]"),
    _plain("Pulumi", "pul-", 40, "[a-f0-9]"),
    _token("Terraform Cloud", ".atlasv1.", "[A-Za-z0-9_=-]{40}", "[A-Za-z0-9_=-]", glued=True),
    _plain("HashiCorp Vault", "hvs. hvb. hvr.", 20, _DOTTED),
    _token(
        "HashiCorp Vault, before 1.10",
        " ".join(f"s.{letter}" for letter in ascii_letters),
        "(?=[A-Za-z]*[0-9])[A-Za-z0-9]{23}",
        _DOTTED,
        exact=True,
    ),
    _plain("Docker Hub", "dckr_pat_ dckr_oat_", 20),
    _plain("Docker Swarm", "SWMTKN-1-", 40),
    _token("k3s", "K10", "[0-9a-f]{64}::[a-z:]*[0-9a-f]{16}", "[0-9a-z:]"),
    _plain("Doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", 30, _DOTTED),
    _plain("1Password", "ops_eyJ", 60, _BASE64),
    _token("1Password secret key", "A3-", "[A-Z0-9]{6}-[A-Z0-9]{6,11}(?:-[A-Z0-9]{5}){3,4}", "[A-Z0-9-]"),
    _plain("age", "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1", 30, "[A-Z0-9]"),
    # code and packages
    _plain("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", 30, _WORD),
    _plain("GitHub, fine-grained", "github_pat_", 36, _WORD),
    _plain(
        "GitLab", "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-", 18, _DOTTED
    ),
    _plain("GitLab runner registration", "GR1348941", 18),
    _plain("Atlassian", "ATATT3 ATCTT3 ATBB ATSTT3", 20, _BASE64),
    _plain("npm", "npm_", 30, "[A-Za-z0-9]"),
    _plain("PyPI", "pypi-AgE pypi-", 50),
    _plain("RubyGems", "rubygems_", 40, "[a-f0-9]"),
    _plain("NuGet", "oy2", 43, "[a-z0-9]"),
    _plain("Clojars", "CLOJARS_", 50, "[a-z0-9]"),
    _plain("crates.io", "cio", 30, "[A-Za-z0-9]"),
    _plain("Artifactory", "AKCp cmVmdGtuO", 50, "[A-Za-z0-9]"),
    _plain("Buildkite", "bkua_ bkct_ bkat_ bkpt_", 20),
    _plain("CircleCI", "CCIPAT_ CCIPRJ_", 20),
    _plain("SonarQube", "sqp_ sqa_ squ_", 40, "[a-f0-9]"),
    _plain("Sourcegraph", "sgp_ sgd_ slk_", 40),
    _plain("Postman", "PMAK-", 40, "[a-f0-9-]"),
    _plain("Prefect", "pnu_ pnb_", 30, "[A-Za-z0-9]"),
    _plain("Infracost", "ico-", 30),
    _plain("ReadMe", "rdme_", 50, "[a-z0-9]"),
    # money and shops
    _plain("Stripe", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", 10),
    _plain("Stripe webhook", "whsec_", 20, _BASE64),
    _plain("Shopify", "shpat_ shpca_ shppa_ shpss_ shpua_ shptka_", 30, "[A-Za-z0-9]"),
    _plain("Square", "sq0atp- sq0csp- sq0idp-", 20),
    _plain("Square access token", "EAAAE EAAAl EAAAF", 55),
    _plain("Razorpay", "rzp_live_ rzp_test_", 12, "[A-Za-z0-9]"),
    _plain("Shippo", "shippo_live_ shippo_test_", 30, "[A-Za-z0-9]"),
    _plain("EasyPost", "EZAK EZTK", 50, "[A-Za-z0-9]"),
    _plain("Flutterwave", "FLWSECK-", 20),
    _plain("Duffel", "duffel_live_ duffel_test_", 30, _BASE64),
    _token("Plaid", "access-sandbox- access-development- access-production-", _UUID, "[0-9a-f-]"),
    # models
    _plain("OpenAI", "sk-proj- sk-svcacct- sk-admin- sk-None-", 20),
    _token("OpenAI and others", "sk-", "(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{32}", _DASHED),
    _plain("Anthropic", "sk-ant-", 20),
    _plain("OpenRouter", "sk-or-v1-", 20),
    _token("Hugging Face", "hf_ api_org_", "(?=[A-Za-z]*[0-9])[A-Za-z0-9]{30}", "[A-Za-z0-9]"),
    _plain("Groq", "gsk_", 40, "[A-Za-z0-9]"),
    _plain("Replicate", "r8_", 30, "[A-Za-z0-9]"),
    _plain("Perplexity", "pplx-", 40, "[A-Za-z0-9]"),
    _plain("xAI", "xai-", 60, "[A-Za-z0-9]"),
    _plain("LangSmith", "lsv2_pt_ lsv2_sk_", 30),
    # monitoring and paging
    _plain("Grafana", "glsa_ glc_", 30, _BASE64),
    _plain("New Relic", "NRAK- NRII- NRJS- NRRA- NRIQ-", 16),
    _plain("Dynatrace", "dt0c01. dt0s16. dt0s02.", 24, _DOTTED),
    _plain("Sentry", "sntrys_ sntryu_", 40, _BASE64),
    _plain("PagerDuty", "pdus+ pdeu+", 16),
    # messages and mail
    _plain(
        "Slack", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xoxe.xoxb- xoxe.xoxp-", 10, r"[A-Za-z0-9%./+_-]"
    ),
    _plain("Slack app", "xapp- xwfp-", 20),
    _token("SendGrid", "SG.", r"[\w-]{16,32}\.[\w-]{30}", _DOTTED),
    _plain("Sendinblue, Brevo", "xkeysib- xsmtpsib-", 40),
    _plain("Mailgun", "key- pubkey-", 32, "[0-9a-f]"),
    _token("Twilio", " ".join(f"SK{digit:x}" for digit in range(16)), "[0-9a-f]{31}", "[A-Za-z0-9]", exact=True),
    _plain("Discord", "mfa.", 60),
    _token("Discord bot", _THREE_DIGITS, r"[\w-]{19,24}\.[\w-]{6}\.[\w-]{27}", _DOTTED),
    # desks
    _plain("Linear", "lin_api_ lin_oauth_", 30, "[A-Za-z0-9]"),
    _plain("Notion", "ntn_", 40, "[A-Za-z0-9]"),
    _token("Notion", "secret_", "(?=[A-Za-z]*[0-9])[A-Za-z0-9]{40}", "[A-Za-z0-9]"),
    _plain("Figma", "figd_ figu_ figo_", 30),
    _token("Airtable", "pat", r"[A-Za-z0-9]{14}\.[a-f0-9]{64}", r"[A-Za-z0-9.]"),
    _token("HubSpot", "pat-na1- pat-eu1-", _UUID, "[0-9a-fA-F-]"),
    _plain("Typeform", "tfp_", 40, r"[\w.-]"),
    _plain("42", "s-s4t2ud- s-s4t2af-", 60, "[0-9a-f]"),
    _plain("Frame.io", "fio-u-", 40),
    _plain("Contentful", "CFPAT-", 40),
    _plain("Dropbox", "sl.u. sl.B sl.A", 60),
    _plain("Facebook", "EAAB EAAC EAAG EAAM", 60, "[A-Za-z0-9]"),
    # of no one maker
    _token(
        "JSON web token",
        "eyJ",
        r"[\w-]{8,4096}\.(?:eyJ[\w-]{8}|[\w-]{8,6144}\.[\w-])",
        _DOTTED,
        longest=_LONGEST_BODY_BYTES,
    ),
    _token(
        "encrypted JSON web token",
        "eyJ",
        r"[\w-]{8,4096}\.[\w-]{0,2048}\.[\w-]{8,64}\.[\w-]{8,4096}\.[\w-]",
        _DOTTED,
        longest=_LONGEST_BODY_BYTES,
    ),
    _token(
        "base64 of a private key",
        "LS0tLS1CRUdJTi",
        "(?!BDRVJU|BQVUJM|BYNTA5|BUUlVTV|B[A-Z0-9]{2,8}QVUJMSU)[A-Za-z0-9+/_=-]{24}",
        _BASE64,
    ),
    # verifiers of passwords, as servers keep them
    _token(
        "crypt",
        "$1$ $5$ $6$ $7$ $y$ $gy$ $apr1$ $md5$ $md5, $sha1$",
        r"[./A-Za-z0-9$=,+-]{13}",
        r"[./A-Za-z0-9$=,+-]",
        glued=True,
    ),
    _token("bcrypt", "$2a$ $2b$ $2x$ $2y$ $2$", r"\d\d\$[./A-Za-z0-9]{22}", r"[./A-Za-z0-9$]", glued=True),
    _token(
        "argon2, scrypt, PBKDF2",
        "$argon2 $scrypt$ $pbkdf2 $bcrypt-sha256$",
        r"[\w./$=,+-]{20}",
        r"[\w./$=,+-]",
        glued=True,
    ),
    _token("phpass, Drupal", "$P$ $H$ $S$", r"[./A-Za-z0-9]{28}", r"[./A-Za-z0-9]", glued=True),
    _token("MySQL, caching_sha2", "$A$005$", r"[^\s'\"]{20}", r"[^\s'\"]", glued=True),
    _token(
        "Django",
        "pbkdf2_sha256$ pbkdf2_sha1$ pbkdf2_sha512$ bcrypt_sha256$ scrypt$ argon2$argon2",
        r"[^\s'\",|]{20}",
        r"[^\s'\",|]",
    ),
    _token(
        "LDAP",
        "{SSHA} {SHA} {SMD5} {MD5} {SSHA256} {SSHA512} {SHA256} {SHA512} {ssha} {sha} {CRYPT} {crypt} {PBKDF2}",
        r"[A-Za-z0-9+/=$./]{13}",
        r"[A-Za-z0-9+/=$./]",
        glued=True,
    ),
    _token("MD5 of PostgreSQL", "md5", "[0-9a-f]{32}", "[A-Za-z0-9]", exact=True),
    _token("NT hash", "aad3b435b51404eeaad3b435b51404ee:", "[0-9a-fA-F]{32}", "[0-9a-fA-F]", glued=True),
)
