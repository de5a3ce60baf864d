"""Messages of Slack, Feishu, WeCom and Teams: what they bring, how they are proven and answered."""
