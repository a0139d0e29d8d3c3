"""`hubferry demo`: the whole way on this machine, against an emulated portal; safe to kill and run again at any moment."""
