"""What is seen: an HTTP API and a page over DynamoDB. It never imports Faust, and adds nothing up: a view is one Query."""
