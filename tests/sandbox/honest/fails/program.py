print(1)
print([][0])
