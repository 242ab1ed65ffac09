"""What an error text, an HRESULT, an event id or a state number means: offline, from the failure catalogue."""
