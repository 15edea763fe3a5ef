"""Where an emergency backup can go: a folder, another host by SSH, a bucket, standard output. One small class a
place."""
