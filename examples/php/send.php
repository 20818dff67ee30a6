<?php
// Hands one message over by HTTP, without a library: php send.php you@example.org

$message = [
    'to' => [$argv[1]],
    'subject' => 'Thank you for your order',
    'text' => "We are packing it.\n",
    'kind' => 'order',
];
$context = stream_context_create(['http' => [
    'method' => 'POST',
    'header' => [
        'Authorization: Bearer ' . getenv('POSTROOM_API_KEY'),
        'Content-Type: application/json',
        'Idempotency-Key: order/4711', // the same order again makes no second mail
    ],
    'content' => json_encode($message, JSON_THROW_ON_ERROR),
    'ignore_errors' => true, // a refusal has words that are worth reading
    'timeout' => 60,
]]);
$answer = file_get_contents(getenv('POSTROOM_API_URL') . '/v1/messages', false, $context);
if ($answer === false) {
    fwrite(STDERR, "Nobody answers there.\n");
    exit(1);
}
$told = json_decode($answer, true, 512, JSON_THROW_ON_ERROR);
if (!isset($told['id'])) {
    foreach ($told['faults'] ?? [] as $fault) {
        fwrite(STDERR, "{$fault['field']}: {$fault['problem']} {$fault['mend']}\n");
    }
    fwrite(STDERR, ($told['detail'] ?? $told['title']) . "\n");
    exit(1);
}
echo "{$told['id']} {$told['state']}\n";
