"""What is remembered: tables whose rows are the parts of periods, and their local stores."""
