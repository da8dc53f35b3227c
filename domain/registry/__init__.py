"""Who acts: the city's divisions and organisations, its people, their certificates and postings."""
