"""Tokens that are secret as a whole: how they begin, which characters follow, and who publishes the format.

One row a format. The patterns are written here; the facts (prefix, alphabet, length) are what the maker of the token
publishes.
"""

from __future__ import annotations

from binascii import b2a_base64
from string import ascii_letters

from midwatch.redaction.token_format import LONGEST_BODY_BYTES, plain, token

_WORD = r"[A-Za-z0-9_]"
_DASHED = r"[A-Za-z0-9_-]"
_DOTTED = r"[A-Za-z0-9_.-]"
_BASE64 = r"[A-Za-z0-9+/=_-]"


_HEX = "[0-9a-f]"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

_DIGITS = b2a_base64(b"".join(b"%d" % number for number in range(100, 1000))).decode()
_THREE_DIGITS = " ".join(_DIGITS[at : at + 4] for at in range(0, len(_DIGITS) - 1, 4))
"""Of the number of an account, in base64."""

TOKENS = (
    # clouds and hosting
    token(
        "AWS access key", "AWS IAM: IAM identifiers", "AKIA ASIA ABIA ACCA", "[A-Z0-9]{16}", "[A-Za-z0-9]", exact=True
    ),
    plain("AWS session token", "AWS STS: temporary credentials", "IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz", 32, _BASE64),
    plain("AWS Bedrock key", "AWS Bedrock: API keys", "ABSKQmVkcm9ja0FQSUtleS", 32, _BASE64),
    plain("Google API key", "Google Cloud: API keys", "AIza", 30),
    plain("Google OAuth access token", "Google Identity: OAuth 2.0", "ya29.", 20, _DOTTED),
    plain("Google OAuth client secret", "Google Identity: OAuth 2.0", "GOCSPX-", 20),
    token("Google refresh token", "Google Identity: OAuth 2.0", "1//0", "[A-Za-z0-9_-]{30}", _DASHED),
    token(
        "Azure client secret",
        "Microsoft Purview: Azure AD client secret",
        " ".join(f"{n}Q~" for n in range(10)),
        r"[\w.~-]{28}",
        r"[\w.~-]",
        glued=True,
    ),
    plain("DigitalOcean", "DigitalOcean: personal access tokens", "dop_v1_ doo_v1_ dor_v1_", 32, "[a-f0-9]"),
    plain("Alibaba", "Alibaba Cloud: AccessKey pairs", "LTAI", 16, "[A-Za-z0-9]"),
    plain("Tencent", "Tencent Cloud: API keys", "AKID", 28, "[A-Za-z0-9]"),
    plain("Yandex", "Yandex Cloud: API keys and IAM tokens", "AQVN y0_Ag t1.9", 30, _DOTTED),
    plain("Heroku", "Heroku: authorizations", "HRKU-", 30),
    token("Fly.io", "Fly.io: access tokens", "FlyV1", r" fm\d[a-z]?_[A-Za-z0-9+/=]{20}", r"[A-Za-z0-9+/=_, ]"),
    plain("Fly.io", "Fly.io: access tokens", "fo1_ fm1r_ fm2_", 24, _BASE64),
    plain(
        "Planetscale", "PlanetScale: service tokens and passwords", "pscale_tkn_ pscale_pw_ pscale_oauth_", 20, _DOTTED
    ),
    plain("Supabase", "Supabase: API keys", "sbp_ sb_secret_", 20),
    plain("Neon", "gitleaks' rules", "napi_", 32, "[a-z0-9]"),
    plain("Render", "gitleaks' rules", "rnd_", 24, "[A-Za-z0-9]"),
    plain("Vercel", "gitleaks' rules", "vercel_blob_rw_ vcp_ vca_", 20),
    plain("Netlify", "gitleaks' rules", "nfp_ nfc_", 30),
    plain("Cloudflare origin key", "gitleaks' rules", "v1.0-", 100),
    plain("Cloudflare tunnel", "Cloudflare: tunnel tokens", "eyJhIjoi", 60, _BASE64),
    token("Ceph", "Ceph: cephx", "AQ", "[A-Za-z0-9+/]{36}==", "[A-Za-z0-9+/=]", exact=True),
    plain("Mapbox", "Mapbox: access tokens", "sk.eyJ", 40, _DOTTED),
    plain("Tailscale", "Tailscale: key prefixes", "tskey-", 16),
    plain("Scalingo", "gitleaks' rules", "tk-us-", 40),
    plain("Databricks", "Databricks: personal access tokens", "dapi", 32, "[a-f0-9-]"),
    plain("Pulumi", "Pulumi Cloud: access tokens", "pul-", 40, "[a-f0-9]"),
    token(
        "Terraform Cloud", "HCP Terraform: API tokens", ".atlasv1.", "[A-Za-z0-9_=-]{40}", "[A-Za-z0-9_=-]", glued=True
    ),
    plain("HashiCorp Vault", "HashiCorp Vault: tokens", "hvs. hvb. hvr.", 20, _DOTTED),
    token(
        "HashiCorp Vault, before 1.10",
        "HashiCorp Vault: tokens",
        " ".join(f"s.{letter}" for letter in ascii_letters),
        "(?=[A-Za-z]*[0-9])[A-Za-z0-9]{23}",
        _DOTTED,
        exact=True,
    ),
    plain("Docker Hub", "Docker Hub: access tokens", "dckr_pat_ dckr_oat_", 20),
    plain("Docker Swarm", "Docker: swarm join-token", "SWMTKN-1-", 40),
    token("k3s", "K3s: k3s token", "K10", "[0-9a-f]{64}::[a-z:]*[0-9a-f]{16}", "[0-9a-z:]"),
    plain("Doppler", "Doppler: token formats", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", 30, _DOTTED),
    plain("1Password", "1Password: service accounts", "ops_eyJ", 60, _BASE64),
    token(
        "1Password secret key",
        "1Password: security design",
        "A3-",
        "[A-Z0-9]{6}-[A-Z0-9]{6,11}(?:-[A-Z0-9]{5}){3,4}",
        "[A-Z0-9-]",
    ),
    plain("age", "age: file format", "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1", 30, "[A-Z0-9]"),
    # code and packages
    plain("GitHub", "GitHub: about authentication, token formats", "ghp_ gho_ ghu_ ghs_ ghr_", 30, _WORD),
    plain("GitHub, fine-grained", "GitHub: about authentication, token formats", "github_pat_", 36, _WORD),
    plain(
        "GitLab",
        "GitLab: token overview, prefixes",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-",
        18,
        _DOTTED,
    ),
    plain("GitLab runner registration", "GitLab: token overview, prefixes", "GR1348941", 18),
    plain("Atlassian", "Atlassian: API tokens", "ATATT3 ATCTT3 ATBB ATSTT3", 20, _BASE64),
    plain("npm", "npm: about access tokens", "npm_", 30, "[A-Za-z0-9]"),
    plain("PyPI", "PyPI: API tokens", "pypi-AgE pypi-", 50),
    plain("RubyGems", "RubyGems: API key scopes", "rubygems_", 40, "[a-f0-9]"),
    plain("NuGet", "NuGet: API keys", "oy2", 43, "[a-z0-9]"),
    plain("Clojars", "gitleaks' rules", "CLOJARS_", 50, "[a-z0-9]"),
    plain("crates.io", "crates.io: API tokens", "cio", 30, "[A-Za-z0-9]"),
    plain("Artifactory", "JFrog: access tokens", "AKCp cmVmdGtuO", 50, "[A-Za-z0-9]"),
    plain("Buildkite", "Buildkite: token formats", "bkua_ bkct_ bkat_ bkpt_", 20),
    plain("CircleCI", "CircleCI: API tokens", "CCIPAT_ CCIPRJ_", 20),
    plain("SonarQube", "SonarQube: user tokens", "sqp_ sqa_ squ_", 40, "[a-f0-9]"),
    plain("Sourcegraph", "Sourcegraph: access tokens", "sgp_ sgd_ slk_", 40),
    plain("Postman", "Postman: API keys", "PMAK-", 40, "[a-f0-9-]"),
    plain("Prefect", "gitleaks' rules", "pnu_ pnb_", 30, "[A-Za-z0-9]"),
    plain("Infracost", "gitleaks' rules", "ico-", 30),
    plain("ReadMe", "gitleaks' rules", "rdme_", 50, "[a-z0-9]"),
    # money and shops
    plain("Stripe", "Stripe: API keys", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", 10),
    plain("Stripe webhook", "Stripe: webhook signatures", "whsec_", 20, _BASE64),
    plain(
        "Shopify", "Shopify: access tokens, prefixes", "shpat_ shpca_ shppa_ shpss_ shpua_ shptka_", 30, "[A-Za-z0-9]"
    ),
    plain("Square", "Square: access tokens", "sq0atp- sq0csp- sq0idp-", 20),
    plain("Square access token", "Square: access tokens", "EAAAE EAAAl EAAAF", 55),
    plain("Razorpay", "Razorpay: API keys", "rzp_live_ rzp_test_", 12, "[A-Za-z0-9]"),
    plain("Shippo", "gitleaks' rules", "shippo_live_ shippo_test_", 30, "[A-Za-z0-9]"),
    plain("EasyPost", "gitleaks' rules", "EZAK EZTK", 50, "[A-Za-z0-9]"),
    plain("Flutterwave", "gitleaks' rules", "FLWSECK-", 20),
    plain("Duffel", "gitleaks' rules", "duffel_live_ duffel_test_", 30, _BASE64),
    token(
        "Plaid", "Plaid: access tokens", "access-sandbox- access-development- access-production-", _UUID, "[0-9a-f-]"
    ),
    # models
    plain("OpenAI", "OpenAI: API keys", "sk-proj- sk-svcacct- sk-admin- sk-None-", 20),
    token("OpenAI and others", "OpenAI: API keys", "sk-", "(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{32}", _DASHED),
    plain("Anthropic", "Anthropic: API keys", "sk-ant-", 20),
    plain("OpenRouter", "OpenRouter: API keys", "sk-or-v1-", 20),
    token(
        "Hugging Face",
        "Hugging Face: user access tokens",
        "hf_ api_org_",
        "(?=[A-Za-z]*[0-9])[A-Za-z0-9]{30}",
        "[A-Za-z0-9]",
    ),
    plain("Groq", "gitleaks' rules", "gsk_", 40, "[A-Za-z0-9]"),
    plain("Replicate", "gitleaks' rules", "r8_", 30, "[A-Za-z0-9]"),
    plain("Perplexity", "gitleaks' rules", "pplx-", 40, "[A-Za-z0-9]"),
    plain("xAI", "gitleaks' rules", "xai-", 60, "[A-Za-z0-9]"),
    plain("LangSmith", "LangSmith: API keys", "lsv2_pt_ lsv2_sk_", 30),
    # monitoring and paging
    plain("Grafana, before service accounts", "Grafana: API keys", "eyJrIjoi", 40, _BASE64),
    plain("Grafana", "Grafana: service accounts", "glsa_ glc_", 30, _BASE64),
    plain("New Relic", "New Relic: API keys", "NRAK- NRII- NRJS- NRRA- NRIQ-", 16),
    plain("Dynatrace", "Dynatrace: access token format", "dt0c01. dt0s16. dt0s02.", 24, _DOTTED),
    plain("Sentry", "Sentry: auth tokens", "sntrys_ sntryu_", 40, _BASE64),
    plain("PagerDuty", "gitleaks' rules", "pdus+ pdeu+", 16),
    # messages and mail
    plain(
        "Slack",
        "Slack: token types",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xoxe.xoxb- xoxe.xoxp-",
        10,
        r"[A-Za-z0-9%./+_-]",
    ),
    plain("Slack app", "Slack: token types", "xapp- xwfp-", 20),
    token("SendGrid", "Twilio SendGrid: API keys", "SG.", r"[\w-]{16,32}\.[\w-]{30}", _DOTTED),
    plain("Sendinblue, Brevo", "Brevo: API keys", "xkeysib- xsmtpsib-", 40),
    plain("Mailgun", "Mailgun: API keys", "key- pubkey-", 32, "[0-9a-f]"),
    token(
        "Twilio",
        "Twilio: API keys",
        " ".join(f"SK{digit:x}" for digit in range(16)),
        "[0-9a-f]{31}",
        "[A-Za-z0-9]",
        exact=True,
    ),
    token(
        "Matrix",
        "Synapse: access tokens",
        "syt_",
        r"[A-Za-z0-9+/=]{1,255}_[A-Za-z]{20}_[A-Za-z0-9]{6}",
        r"[A-Za-z0-9+/=_]",
    ),
    plain("Discord", "detect-secrets' plugins", "mfa.", 60),
    token(
        "Discord bot",
        "Discord: reference, authentication",
        _THREE_DIGITS,
        r"[\w-]{19,24}\.[\w-]{6}\.[\w-]{27}",
        _DOTTED,
    ),
    # desks
    plain("Linear", "Linear: API keys", "lin_api_ lin_oauth_", 30, "[A-Za-z0-9]"),
    plain("Notion", "Notion: authorization", "ntn_", 40, "[A-Za-z0-9]"),
    token("Notion", "Notion: authorization", "secret_", "(?=[A-Za-z]*[0-9])[A-Za-z0-9]{40}", "[A-Za-z0-9]"),
    plain("Figma", "Figma: personal access tokens", "figd_ figu_ figo_", 30),
    token("Airtable", "Airtable: personal access tokens", "pat", r"[A-Za-z0-9]{14}\.[a-f0-9]{64}", r"[A-Za-z0-9.]"),
    token("HubSpot", "HubSpot: private apps", "pat-na1- pat-eu1-", _UUID, "[0-9a-fA-F-]"),
    plain("Typeform", "gitleaks' rules", "tfp_", 40, r"[\w.-]"),
    plain("42", "gitleaks' rules", "s-s4t2ud- s-s4t2af-", 60, "[0-9a-f]"),
    plain("Frame.io", "gitleaks' rules", "fio-u-", 40),
    plain("Contentful", "Contentful: personal access tokens", "CFPAT-", 40),
    plain("Dropbox", "Dropbox: OAuth guide", "sl.u. sl.B sl.A", 60),
    plain("Facebook", "Meta: access tokens", "EAAB EAAC EAAG EAAM", 60, "[A-Za-z0-9]"),
    # of no one maker
    token(
        "JSON web token",
        "RFC 7519",
        "eyJ",
        r"[\w-]{8,4096}\.(?:eyJ[\w-]{8}|[\w-]{8,6144}\.[\w-])",
        _DOTTED,
        longest=LONGEST_BODY_BYTES,
    ),
    token(
        "encrypted JSON web token",
        "RFC 7516",
        "eyJ",
        r"[\w-]{8,4096}\.[\w-]{0,2048}\.[\w-]{8,64}\.[\w-]{8,4096}\.[\w-]",
        _DOTTED,
        longest=LONGEST_BODY_BYTES,
    ),
    token(
        "base64 of a private key",
        "RFC 7468",
        "LS0tLS1CRUdJTi",
        "(?!BDRVJU|BQVUJM|BYNTA5|BUUlVTV|B[A-Z0-9]{2,8}QVUJMSU)[A-Za-z0-9+/_=-]{24}",
        _BASE64,
    ),
    # verifiers of passwords, as servers keep them
    token(
        "crypt",
        "crypt(5)",
        "$1$ $5$ $6$ $7$ $y$ $gy$ $apr1$ $md5$ $md5, $sha1$",
        r"[./A-Za-z0-9$=,+-]{13}",
        r"[./A-Za-z0-9$=,+-]",
        glued=True,
    ),
    token("bcrypt", "crypt(5)", "$2a$ $2b$ $2x$ $2y$ $2$", r"\d\d\$[./A-Za-z0-9]{22}", r"[./A-Za-z0-9$]", glued=True),
    token(
        "argon2, scrypt, PBKDF2",
        "PHC string format",
        "$argon2 $scrypt$ $pbkdf2 $bcrypt-sha256$",
        r"[\w./$=,+-]{20}",
        r"[\w./$=,+-]",
        glued=True,
    ),
    plain("GRUB", "GRUB: password_pbkdf2", "grub.pbkdf2.sha512.", 40, "[0-9A-Fa-f.]"),
    token(
        "plain text of Dovecot",
        "Dovecot: password schemes",
        "{PLAIN} {CLEARTEXT}",
        r"[^:\s'\"]{6}",
        r"[^:\s'\"]",
        glued=True,
    ),
    token("phpass, Drupal", "phpass", "$P$ $H$ $S$", r"[./A-Za-z0-9]{28}", r"[./A-Za-z0-9]", glued=True),
    token("MySQL, caching_sha2", "MySQL: caching_sha2_password", "$A$005$", r"[^\s'\"]{20}", r"[^\s'\"]", glued=True),
    token(
        "Django",
        "Django: password management",
        "pbkdf2_sha256$ pbkdf2_sha1$ pbkdf2_sha512$ bcrypt_sha256$ scrypt$ argon2$argon2",
        r"[^\s'\",|]{20}",
        r"[^\s'\",|]",
    ),
    token(
        "LDAP",
        "RFC 2307",
        "{SSHA} {SHA} {SMD5} {MD5} {SSHA256} {SSHA512} {SHA256} {SHA512} {ssha} {sha} {CRYPT} {crypt} {PBKDF2}",
        r"[A-Za-z0-9+/=$./]{13}",
        r"[A-Za-z0-9+/=$./]",
        glued=True,
    ),
    token("MD5 of PostgreSQL", "PostgreSQL: pg_authid", "md5", "[0-9a-f]{32}", "[A-Za-z0-9]", exact=True),
    token(
        "NT hash",
        "Samba: smbpasswd(5)",
        "aad3b435b51404eeaad3b435b51404ee:",
        "[0-9a-fA-F]{32}",
        "[0-9a-fA-F]",
        glued=True,
    ),
)
