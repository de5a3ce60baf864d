"""Questions out of Slack, Feishu, WeCom and Teams, by webhook."""
