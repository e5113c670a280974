"""What one can say from recordings. Functions take data and return data: no clock, no printing."""
