<?php
// PHP's own mail(), with `sendmail_path = "postroom sendmail -t -i"` in php.ini: php mail.php you@example.org

$headers = [
    'From' => getenv('MAIL_FROM'),
    'Content-Type' => 'text/plain; charset=utf-8',
    'X-Postroom-Kind' => 'order',
];
$sent = mail($argv[1], '=?UTF-8?B?' . base64_encode('Danke für Ihre Bestellung') . '?=', "Wir packen schon.\n", $headers);
exit($sent ? 0 : 1);
