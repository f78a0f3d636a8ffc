"""Sound, and the engines that turn it into words and back; knows no chat, no database, no HTTP."""
