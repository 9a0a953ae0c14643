"""Parts for use with other packages; nothing else imports them."""
