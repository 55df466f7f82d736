"""What the files of a deployment say, one module a program that reads them; `ganzoo.serving.deploy` writes them."""
