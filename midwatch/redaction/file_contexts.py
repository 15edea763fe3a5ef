"""Files, statements, addresses and messages in which a secret stands."""

from __future__ import annotations

from midwatch.redaction.contexts import PASS, SUFFIX, Test, Value, row
from midwatch.redaction.lazy_pattern import lazy_pattern

_LINE_START = rb"(?:^|\n)[ \t]*(?:\d{1,6}[: \t-]\s*)?"

LINES = (
    # found by their line, because no word in them is their own
    row(
        ".pgpass line",
        "libpq: the password file",
        ":",
        rb":(?:\*|\d{1,5}):(?!\d+:)(?:[\w.*$ -]|\\.){1,63}:(?!\d+:)(?:[\w.*@$-]|\\.){1,63}:(?=\S)",
        Value.LINE,
        Test.PASSWORD,
        _LINE_START + rb"(?:[\w.*/@-]|\\.)+",
    ),
    row(
        "DES of htpasswd",
        "htpasswd(1), crypt(5)",
        ":",
        rb":(?=[./0-9A-Za-z]{12}[.26AEIMQUYcgkosw](?:[:\r\n]|$))"
        rb"(?=\S{0,12}[0-9])(?=\S{0,12}(?-i:[a-z]))(?=\S{0,12}(?-i:[A-Z]))",
        Value.DIGEST,
        Test.ANY,
        _LINE_START + rb"[\w.@-]{1,64}",
    ),
)
LINE = lazy_pattern(
    rb"\n[^\s:]{1,255}+(?P<colon>:)(?:(?:\d{1,5}|\*):[^:\n]{1,80}:[^\s:]{1,80}:\S|[./0-9A-Za-z]{13}(?=[:\r\n]|\Z))"
)
"""What may be one of them; `colon` is their keyword."""
BEGUN_LINE = lazy_pattern(rb"(?:\A|\n)[ \t]*[\w.@-]{1,64}:([./0-9A-Za-z]{1,13})\Z")

FILES = (
    # files
    row(
        "netrc",
        "netrc(5)",
        "password|passwd",
        rb"passw(?:or)?d[ \t]+(?=\S)",
        Value.WORD,
        Test.ANY,
        rb"(?:^|\s)(?:machine[ \t]+\S+|default|poll[ \t]+\S+[^\n]*)"
        rb"(?:[ \t]+(?:login|account|port|user|protocol)[ \t]+\S+)*[ \t,]+"
        rb"|(?:^|\n)[ \t]*(?:machine|login|account|default)[ \t]+\S+(?:[ \t]+\w+[ \t]+\S+)*[ \t]*\r?\n[ \t]*",
    ),
    row(
        "redis.conf",
        "Redis: redis.conf",
        "requirepass|masterauth",
        rb"(?:requirepass|masterauth|sentinel auth-pass \S+)[\"']?[ \t]+(?=\S)",
        Value.WORD,
    ),
    row(
        "AUTH",
        "Redis: AUTH",
        "auth ",
        rb"auth (?:[\w-]+ )?(?=\S+\s*(?:[\"'\n]|$))",
        Value.WORD,
        Test.MIXED,
        rb"(?:redis-cli[^\n]*\s|> ?)",
    ),
    row(
        "LDAP",
        "slapd.conf(5), ldap.conf(5)",
        "rootpw|bindpw|olcrootpw",
        rb"(?:olc)?(?:rootpw|bindpw):?[ \t]+(?=\S)",
        Value.WORD,
        Test.PASSWORD,
        rb"(?:^|\s)",
    ),
    row(
        "userlist.txt of PgBouncer",
        "PgBouncer: authentication file format",
        '\n"',
        rb"\n\"[^\"\n]{1,63}\"[ \t]+(?=\"[^\"\n]+\"[ \t]*(?:\n|\r|$))",
        Value.WORD,
        Test.ANY,
    ),
    row(
        "Postfix's map",
        "Postfix: smtp_sasl_password_maps",
        "]:",
        rb"\]:\d{1,5}[ \t]+(?=[^\s:]+:\S)",
        Value.USER_AND_PASSWORD,
        Test.PASSWORD,
        rb"(?:^|\n)\[[\w.-]+",
    ),
    row(
        "XML element",
        "Maven: settings.xml",
        "pass|secret|token|key|pwd",
        rb"(?:"
        + PASS
        + rb"|secret|token|(?:access|api|secret|private)?key|pwd)"
        + SUFFIX
        + rb"(?:[ \t][^<>\n]{0,200})?>(?:<!\[CDATA\[)?(?=[^\s<])",
        Value.ELEMENT,
        Test.TOKEN,
        rb"<(?:[\w.:-]*?(?:[.:_-]|[a-z](?-i:(?=[A-Z]))|api|auth|access|client|secret|private|db|user"
        rb"|shared|account|admin|root))?",
    ),
    row(
        "XML property",
        ".NET: appSettings",
        "pass|secret|token|key|pwd",
        rb"(?:"
        + PASS
        + rb"|secret|token|key|pwd)"
        + SUFFIX
        + rb"[\"'](?:[ \t]+[\w:-]+=[\"'][^\"'<>\n]{0,100}[\"']){0,3}?[ \t]*(?:/?>[ \t]*\n?[ \t]*(?:<value>"
        rb"|<string>)?|[ \t]value[ \t]*=[ \t]*[\"'])(?=[^\s<\"'])",
        Value.ELEMENT,
        Test.TOKEN,
        rb"<[\w:-]+[ \t][^<>\n]*\b(?:name|key|id|property)[ \t]*=[ \t]*[\"'][^\"'<>\n]*",
    ),
    row(
        "property list",
        "Apple: property lists",
        "password</key>|token</key>|secret</key>",
        rb"(?:password|token|secret)</key>\s{0,40}<string>(?=[^\s<])",
        Value.ELEMENT,
        Test.TOKEN,
    ),
    # SQL
    row(
        "PASSWORD '…'",
        "PostgreSQL: ALTER ROLE",
        "password",
        rb"password(?:\s{1,8}for\s{1,8}\S{1,128})?\s{0,8}(?:\(\s{0,4}|=\s{0,4}|to\s{1,4}"
        rb"|\s)\s{0,8}(?:n|e|u&)?(?='|\$\$)",
        Value.SQL,
        Test.ANY,
        rb"(?:^|[\s(,'\"])",
    ),
    row(
        "IDENTIFIED BY",
        "MySQL: ALTER USER",
        "identified ",
        rb"identified\s{1,8}(?:(?:with|via|using)\s{1,8}\S{1,64}\s{1,8})?(?:by|as"
        rb"|using)(?:\s{1,8}password)?(?:[ \t]{1,8}|\s{1,8}(?=[\"']))(?=\S)",
        Value.SQL,
    ),
    row("\\password", "psql(1)", "password ", rb"password (?=[^\s']+\s*$)", Value.WORD, Test.MIXED, rb"\\"),
    # addresses
    row("URI with a password", "RFC 3986", "://", rb"://[^\s/@:\"'<>]{0,128}:", Value.USER_INFO, Test.ADDRESS),
    row("URI with a token", "RFC 3986", "://", rb"://(?=[A-Za-z0-9_.~%-]{16,}@)", Value.USER_INFO, Test.MIXED),
    row(
        "Go's address of a database",
        "go-sql-driver/mysql: DSN",
        "@tcp(|@unix(",
        rb"",
        Value.BEFORE,
        Test.PASSWORD,
        rb"(?:^|[\s\"'=`(])[\w.-]{1,64}:([^\s@/\"']{1,128})",
    ),
    row(
        "Mailchimp",
        "Mailchimp: API keys",
        "-us",
        rb"-us\d{1,2}(?!\w)",
        Value.BEFORE,
        Test.ANY,
        rb"(?:^|\W)([0-9a-f]{32})",
        reach=34,
    ),
    row(
        "Oracle",
        "Oracle: JDBC thin",
        "jdbc:oracle:",
        rb"jdbc:oracle:\w+:[^\s/@:]+/(?=[^\s@]+@)",
        Value.USER_INFO,
        Test.PASSWORD,
    ),
    row(
        "Slack hook",
        "Slack: incoming webhooks",
        "hooks.slack.com/",
        rb"hooks\.slack\.com/(?:services|workflows|triggers)/(?=\S)",
        Value.PATH_PART,
        Test.ANY,
    ),
    row("Discord hook", "Discord: webhooks", "/api/webhooks/", rb"/api/webhooks/\d+/(?=\S)", Value.PATH_PART, Test.ANY),
    row(
        "Teams hook",
        "Microsoft Teams: incoming webhooks",
        ".office.com/webhook",
        rb"\.office\.com/webhook[\w]*/(?=\S)",
        Value.PATH_PART,
        Test.ANY,
    ),
    row(
        "Telegram",
        "Telegram: Bot API",
        "api.telegram.org/bot",
        rb"api\.telegram\.org/bot(?=\d)",
        Value.PATH_PART,
        Test.ANY,
    ),
    row(
        "Telegram bot",
        "Telegram: Bot API",
        ":aa",
        rb":AA(?=[\w-]{30})",
        Value.PATH_PART,
        Test.ANY,
        rb"(?:^|[^\w])\d{8,10}",
    ),
    row(
        "Zapier hook",
        "Zapier: webhooks",
        "hooks.zapier.com/",
        rb"hooks\.zapier\.com/hooks/catch/(?=\S)",
        Value.PATH_PART,
        Test.ANY,
    ),
    row(
        "healthchecks",
        "Healthchecks: ping API",
        "hc-ping.com/",
        rb"hc-ping\.com/(?=[\w-]{20})",
        Value.PATH_PART,
        Test.ANY,
    ),
    row(
        "Mattermost, Rocket.Chat hook",
        "Mattermost: incoming webhooks",
        "/hooks/",
        rb"/hooks/(?=[A-Za-z0-9/]{24})",
        Value.PATH_PART,
        Test.ANY,
    ),
    # keys
    row(
        "private key",
        "RFC 7468",
        "-----begin ",
        rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        Value.KEY_BLOCK,
        Test.ANY,
    ),
    row(
        "private key of SSH2",
        "RFC 4716",
        "---- begin ",
        rb"---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----",
        Value.KEY_BLOCK,
        Test.ANY,
    ),
    row(
        "key of PuTTY",
        "PuTTY: PPK file format",
        "private-lines:",
        rb"private-lines: \d{1,4}\r?\n",
        Value.PUTTY,
        Test.ANY,
    ),
    row("key of PuTTY", "PuTTY: PPK file format", "private-mac:", rb"private-mac: (?=\S)", Value.WORD, Test.ANY),
    # what PostgreSQL keeps, and what libpq says of a connection string in which a password was not quoted
    row(
        "SCRAM verifier",
        "RFC 5803, PostgreSQL: pg_authid",
        "scram-sha-256$|scram-sha-1$|scram-sha-512$",
        rb"scram-sha-(?:256|1|512)\$(?=\d)",
        Value.PATH_PART,
        Test.ANY,
    ),
    row(
        "piece of a password",
        "libpq: connection strings",
        'invalid integer value "|invalid port number: "|missing "=" after "|invalid connection option "'
        '|invalid percent-encoded token: "'
        '|forbidden value %00 in percent-encoded value: "|unexpected spaces found in "'
        '|missing key/value separator "=" in uri query parameter: "|invalid uri query parameter: "',
        rb"(?:invalid (?:integer value|port number:|connection option|percent-encoded token:|uri query parameter:)"
        rb"|missing \"=\" after|forbidden value %00 in percent-encoded value:|unexpected spaces found in"
        rb"|missing key/value separator \"=\" in uri query parameter:) \"",
        Value.PIECE,
        Test.ANY,
    ),
    row(
        "piece of a password as a host",
        "libpq: connection strings",
        "translate host name |resolve host ",
        rb"(?:translate|resolve) host (?:name )?[\"'](?=[^\s\"']*@)",
        Value.USER_INFO,
        Test.ANY,
    ),
)
