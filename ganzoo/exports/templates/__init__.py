"""What the files of a deployment say, one module a program that reads them; `ganzoo.exports.deploy` writes them."""
