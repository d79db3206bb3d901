"""Widgets that several pages share. Streamlit does not list sub-folders as pages."""
