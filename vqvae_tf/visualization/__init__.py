"""Pictures of a trained model; matplotlib lives only here.

`names` says what there is, without loading anything; `gallery` draws it.
"""
