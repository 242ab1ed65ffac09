"""How we speak to a Windows host; pypsrp only in here."""
