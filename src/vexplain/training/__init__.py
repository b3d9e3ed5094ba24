"""Fine-tuning of video classifiers with cross-validation."""
