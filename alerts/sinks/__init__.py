"""Where alerts are delivered: a file a kind of sink. Message-making is pure; the senders alone do I/O, and know no clock."""
