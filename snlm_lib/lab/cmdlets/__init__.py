"""Cmdlet name -> function, one file a module of Windows."""
