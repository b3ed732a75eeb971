import asyncio


async def main():
    return sum(await asyncio.gather(*(asyncio.sleep(0.001, n) for n in range(5))))


print(asyncio.run(main()))
