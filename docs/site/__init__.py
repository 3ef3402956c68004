"""What the documentation takes from the code: state diagrams (`states`) and reference tables (`tables`)."""
