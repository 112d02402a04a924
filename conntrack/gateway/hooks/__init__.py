"""The rules that hand packets to the queue and obey its verdicts' marks: planned, rendered, installed, removed."""
