"""Browser tests: real notebooks in a real JupyterLab, and in VS Code's own widget manager."""
