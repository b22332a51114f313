print("rahf")
