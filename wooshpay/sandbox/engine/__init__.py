"""What everything else in the sandbox stands on: objects, time, ids, parameters and errors. It knows no behaviour."""
