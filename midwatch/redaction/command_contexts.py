"""Options and arguments of commands in which a secret stands."""

from __future__ import annotations

from midwatch.redaction.contexts import PASS, Test, Value, command, row

_START = rb"(?:^|[\s\"',(\[=])"
_AFTER_OPTION = rb"(?:=|[ \t]|[\"'][ \t]*,?[ \t]*(?=[\"'])|[ \t]*\n[ \t]*-[ \t])(?![ \t<>|&;-])"

COMMANDS = (
    # options of commands
    row(
        "option",
        "gitleaks' and detect-secrets' rules",
        "-pass|-secret|-token|-key|-pw|-credential",
        rb"-(?:" + PASS + rb"|pass|pwd|pw|secret|token|key)(?:-?(?:id|string|value))?" + _AFTER_OPTION,
        Value.WORD,
        Test.TOKEN,
        _START + rb"--?(?:[\w-]*(?:auth|access|api|secret|private|account|encryption|master|admin|root|db|user"
        rb"|root|docker|registry|proxy|ssh|join"
        rb"|vault|become|pg|new|old|client|service|bearer|github|gitlab|npm|refresh|certificate|discovery|sas"
        rb"|s?ftp|smb|webdav|crypt|smtp|imap|mail|ldap|bind|keystore|truststore|sql|redis|mongo|git|basic|https?|sasl|bot|app"
        rb"|session|webhook|signing|hmac|shared|license|deploy|storage))?",
        reach=48,
    ),
    row(
        "option of PowerShell",
        "PowerShell: ConvertTo-SecureString",
        "-password|-passwd|-secret|-token|-credential|-apikey",
        rb"-(?:password|passwd|secret|token|credential|apikey)[ \t]+(?=[^\s(-])",
        Value.WORD,
        Test.TOKEN,
        rb"(?:^|\s)",
    ),
    row(
        "option",
        "gitleaks' and detect-secrets' rules",
        "password|token|secret|apikey|passwd",
        rb"(?:password|token|secret|apikey|passwd)" + _AFTER_OPTION,
        Value.WORD,
        Test.TOKEN,
        _START + rb"--(?:[\w-]*-|[a-z]{1,12})?",
        reach=48,
    ),
    row(
        "secure string",
        "PowerShell: ConvertTo-SecureString",
        "securestring",
        rb"securestring[ \t]+(?:-string[ \t]+)?(?=[\"'])",
        Value.WORD,
    ),
    row(
        "-p of MySQL",
        "mysql(1), 7z(1)",
        "-p",
        rb"-p(?=[^\s=-])",
        Value.WORD,
        Test.PASSWORD,
        command(
            rb"mysql\w*|mariadb[\w-]*|mytop|mydumper|myloader|pt-[\w-]+|xtrabackup|innobackupex"
            rb"|percona-xtrabackup|7za?|7zr"
        ),
    ),
    row(
        "-p of others",
        "sshpass(1), mongosh, docker login",
        "-p",
        rb"-p(?:[ \t]+|(?=['\"]))(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
        command(
            rb"sshpass|mongo\w*|(?:docker|podman|nerdctl|skopeo|buildah|helm|oras|crane|az|oc|cf)\b[^\n"
            rb"|;&]* login|cqlsh|influx|rabbitmqadmin|vncviewer|couchbase-cli|cbq"
        ),
    ),
    row("-p of sshpass", "sshpass(1)", "-p", rb"-p(?=[^\s-])", Value.WORD, Test.PASSWORD, command(rb"sshpass")),
    row(
        "-P",
        "zip(1), sqlcmd, mosquitto_pub(1), ipmitool(1)",
        "-p",
        rb"-p[ \t]*(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
        command(rb"zip|unzip|sqlcmd|bcp|mosquitto_\w+|ipmitool|knife|osql|isql|tsql|fisql"),
    ),
    row(
        "-a of Redis",
        "redis-cli",
        "-a",
        rb"-a[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
        command(rb"(?:redis|valkey|keydb)-\w+"),
    ),
    row(
        "-w of LDAP",
        "ldapsearch(1)",
        "-w",
        rb"(?-i:-w)[ \t]*(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
        command(rb"ldap\w+"),
    ),
    row("-x of SNMP", "snmpcmd(1)", "-a|-x", rb"-[ax][ \t]+(?=[^\s-])", Value.WORD, Test.MIXED, command(rb"snmp\w+")),
    row(
        "-k of OpenSSL",
        "openssl-enc(1)",
        "-k",
        rb"-k[ \t]+(?=[^\s/-])",
        Value.WORD,
        Test.PASSWORD,
        command(rb"openssl"),
    ),
    row(
        "-u name:password",
        "curl(1), smbclient(1), lftp(1)",
        "-u",
        rb"-u[ \t]*(?=[^\s-])",
        Value.USER_AND_PASSWORD,
        Test.PASSWORD,
        command(
            rb"curl|http|https|xh|lftp|smbclient|rpcclient|smbmap|winexe|wget|net|elasticdump|influx"
            rb"|nomad|jfrog|jf|open"
        ),
    ),
    row(
        "--user name:password",
        "curl(1)",
        "-user|-proxy-user|-proxy-auth|-auth|-ftp-user",
        rb"-(?:proxy-user|ftp-user|user|proxy-auth|auth)[= \t][ \t]*(?=\S)",
        Value.USER_AND_PASSWORD,
        Test.PASSWORD,
        _START + rb"-",
        reach=48,
    ),
    row(
        "OpenSSL's pass:",
        "openssl-passphrase-options(1)",
        "pass:",
        rb"pass:(?=\S)",
        Value.WORD,
        Test.PASSWORD,
        rb"-pass(?:in|out)?[ \t=\"']+|-(?:src|dest)?storepass[ \t]+|-passin[ \t\"']+",
    ),
    row(
        "keytool",
        "keytool(1)",
        "storepass|keypass",
        rb"(?:storepass|keypass)[ \t]+(?=[^\s:-])",
        Value.WORD,
        Test.PASSWORD,
        rb"-(?:src|dest|new)?",
    ),
    row(
        "/p: of Windows",
        "Windows: mstsc, schtasks",
        "/p:|/pass:|/password:",
        rb"/p(?:ass(?:word)?)?:(?=\S)",
        Value.WORD,
        Test.PASSWORD,
        rb"(?:^|\s)",
    ),
    row(
        "net use",
        "Windows: net use",
        "net use|net user",
        rb"net user?[ \t]+\S+(?:[ \t]+\\\\\S+)?[ \t]+(?=[^\s/])",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "net use",
        "Windows: net use",
        "/user:",
        rb"/user:\S+[ \t]+(?=[^\s/])",
        Value.WORD,
        Test.PASSWORD,
        rb"net use\b[^\n]*",
    ),
    row(
        "htpasswd",
        "htpasswd(1)",
        "htpasswd",
        rb"htpasswd[ \t]+-\w*b\w*(?:[ \t]+\d+)?(?:[ \t]+-\w+(?:[ \t]+\d+)?)*"
        rb"[ \t]+(?:[^\s-]\S*[ \t]+)?[^\s-]\S*[ \t]+(?=[^\s-]\S*\s*(?:\n"
        rb"|$))",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "rabbitmqctl",
        "rabbitmqctl(8)",
        "rabbitmqctl",
        rb"rabbitmqctl\b[^\n]{0,60}?(?:add_user|change_password|authenticate_user)[ \t]+\S+[ \t]+(?=\S)",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "SQL*Plus",
        "Oracle: SQL*Plus",
        "sqlplus|impdp|expdp|sqlldr|rman target|exp |imp ",
        rb"(?:sqlplus|impdp|expdp|sqlldr|rman target|exp|imp)(?:[ \t]+-\w+)*[ \t]+[\w$#]+/(?=[^\s@/]+(?:@|\s|$))",
        Value.USER_INFO,
        Test.PASSWORD,
        rb"(?:^|[\s/\"'`;|&(])",
    ),
    row(
        "vault login",
        "HashiCorp Vault: vault login",
        "vault login|vault unseal|operator unseal",
        rb"(?:vault login|vault unseal|operator unseal)(?:[ \t]+-\S+)*[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.MIXED,
    ),
    row(
        "aws configure set",
        "AWS CLI: configure set",
        "aws configure set",
        rb"aws configure set (?:[\w.]*\.)?(?:aws_)?(?:secret_access_key|session_token)[ \t]+(?=\S)",
        Value.WORD,
    ),
    row(
        "setx",
        "Windows: setx",
        "setx|set ",
        rb"(?:setx|set)[ \t]+(?:-\w+ |/m )?[\w.]*(?:password|passwd|secret|token|api_?key)[ "
        rb"\t]+(?!\d{1,2}(?:\s|$))(?=[^\s=/])",
        Value.WORD,
        Test.PASSWORD,
        rb"(?:^|[\s;&|\\])",
    ),
    row("from-literal", "kubectl create secret", "from-literal", rb"from-literal[= ][\"']?[\w.-]+=(?=\S)", Value.WORD),
    row(
        "grafana-cli",
        "Grafana CLI: admin commands",
        "reset-admin-password ",
        rb"reset-admin-password[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "ansible-vault",
        "ansible-vault(1)",
        "encrypt_string ",
        rb"encrypt_string(?:[ \t]+-(?:n|-name|-stdin-name|-(?:encrypt-)?vault-id|-vault-password-file)[ \t=]+\S+"
        rb"|[ \t]+-\S+){0,9}+[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "-N of ssh-keygen",
        "ssh-keygen(1)",
        "-n |-p |-qn |-qp ",
        rb"-q?(?-i:[NP])[ \t]+(?=[\"']?[^\s\"'-])",
        Value.WORD,
        Test.PASSWORD,
        command(rb"ssh-keygen"),
    ),
    row(
        "mc alias set",
        "MinIO: mc alias set",
        "mc alias set ",
        rb"mc alias set(?:[ \t]+\S{1,256}){3}[ \t]+(?=\S)",
        Value.WORD,
        Test.PASSWORD,
    ),
)
