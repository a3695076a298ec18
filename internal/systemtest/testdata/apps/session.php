<?php
// The tutorial's counter in PHP. Its state is in a file. It appends the MessageSid of each call to LEDGER.
file_put_contents(getenv('LEDGER'), $_POST['MessageSid'] . "\n", FILE_APPEND);
session_save_path(getenv('HOME'));
session_start();
$count = $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
$text = $count > 1 ? "Hello, thanks for message number $count" : 'Hello, thanks for the new message.';
header('Content-Type: text/xml');
echo "<Response><Message>$text</Message></Response>";
