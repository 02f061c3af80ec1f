"""Packing: the same scene in fewer bytes. Its parts serve every pipeline that writes a GLB."""
