"""What questions are about: language, intent, out of scope, sentiment.

``question_insight.py`` is the way; ``intents.py`` names our intents and reads their examples,
``insight_model.py`` is a classifier with its file, ``model_fit.py`` fits one by
``insight_features.py``, and ``intent_training.py`` does so on an operator's examples.
"""
