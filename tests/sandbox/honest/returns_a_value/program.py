def f(x):
    return {'twice': 2 * x, 'items': [x] * 3}
